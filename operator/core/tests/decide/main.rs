//! What is decided about a network and its provider: objects, plans, statuses. Most of it is shown on a little `world`
//! in which passes follow one another.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod build;
mod plan;
mod plan_keys;
mod plan_volumes;
mod provider;
mod rotation;
mod rotation_steps;
mod samples;
mod status;
mod status_certificates;
mod status_refused;
mod tree;
mod world;
mod world_keys;

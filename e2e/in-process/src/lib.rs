//! The real relay, sso and clients in one process: `world` starts them, `provider` signs people in, `wait` waits,
//! `rotation` replaces keys as the operator does.
//!
//! Everything goes over real sockets and real TLS; only the identity provider is a double.

#![expect(clippy::unwrap_used, clippy::panic, reason = "this crate serves tests, which fail by panicking")]

mod provider;
mod rotation;
mod wait;
mod world;

pub use provider::Provider;
pub use wait::{arrives, until};
pub use world::{Phone, World};

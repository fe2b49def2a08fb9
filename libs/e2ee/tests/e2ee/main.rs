//! One binary for all tests of this crate from outside: a world of keys (`world`), a modified client (`raw`), and what
//! is proven with them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, wherever it stands")]

mod bit_flips;
mod contents;
mod first_sight;
mod member_refusals;
mod races;
mod raw;
mod refusals;
mod rooms;
mod scene;
mod second_implementation;
mod snapshots;
mod world;

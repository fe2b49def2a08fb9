//! The relay as a whole: in process, over real TLS and WebSockets, with real MLS members.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod device;
mod feed;
mod running;
mod troubled;

mod copies;
mod delivery;
mod door;
mod handshakes;
mod limits;
mod messages;
mod operations;
mod restart;
mod revocation;
mod sessions;
mod store_troubles;
mod trimming;

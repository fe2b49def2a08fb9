//! A service in process, on real ports with real certificates.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod certificates;
mod documents;
mod drain;
mod limits;
mod running;

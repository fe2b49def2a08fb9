//! A service in process, on real ports with real certificates.
#![expect(clippy::unwrap_used, reason = "what a test can't set up fails it")]

mod certificates;
mod documents;
mod drain;
mod limits;
mod running;

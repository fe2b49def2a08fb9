//! The client library: sign in, rooms, send, receive.

#![warn(missing_docs)]

pub mod content;
pub mod profile;
pub mod store;

//! The embedded queue engine, on fjall: one writer thread, one fsync for all that arrived while the last one ran.
//!
//! The way of an operation: `store` hands it to the `writer`, which stages it (`stage`, `append`, `handshake`,
//! `devices`, `pools`, `purge`, `trim`) with its neighbours into one batch, commits and syncs that, and tells the sink.

#![warn(missing_docs)]

mod adopting;
mod append;
mod backup;
mod devices;
mod error;
mod forget;
mod format;
mod handshake;
mod journal;
mod keys;
mod known;
mod opening;
mod pools;
mod purge;
mod reader;
mod records;
mod restore;
mod rooms;
mod space;
mod stage;
mod store;
mod tables;
mod trim;
mod trimmable;
mod undelivered;
mod writer;

pub use backup::FILE as BACKUP;
pub use error::OpenError;
pub use restore::{Restored, restore};
pub use store::{LogStore, Settings, backup_closed};

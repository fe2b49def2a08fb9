//! The ports of the stores, without I/O: `queue` (rooms' logs, cursors, inboxes, key packages) and `directory`.

#![warn(missing_docs)]

pub mod directory;
pub mod queue;

//! A member's side: the SDK makes, joins and changes rooms, seals and opens messages.
//!
//! The life of a commit: `Room::add` (or another) builds it and keeps it pending; `Room::save`; send it with its Welcome
//! and GroupInfo; the log brings it back, or another one for the same epoch; `Room::process` applies the first and drops
//! the second; `Room::save` in the same transaction as the cursor. When the relay refuses it instead:
//! `Room::drop_pending_commit`, process the log, build it again.
//!
//! The life of a message: `Room::seal`, `Room::save`, send; at the others `Room::process`, and the opened message, the
//! room and the cursor are saved together. Ours comes back as `Event::OwnMessage`.

mod buffer;
mod commit;
mod engine;
mod event;
mod generation;
mod process;
mod room;
mod state;
mod store;

pub use commit::{CommitOut, Invited};
pub use engine::{Engine, Joined};
pub use event::{Committed, Event, RemovalProposed};
pub use generation::NewGeneration;
pub use room::Room;
pub use store::{MemoryStore, Record, Store};

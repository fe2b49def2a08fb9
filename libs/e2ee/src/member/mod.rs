//! A member's side: the SDK makes, joins and changes rooms, seals and opens messages.

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
pub use engine::Engine;
pub use event::{Committed, Event, RemovalProposed};
pub use generation::NewGeneration;
pub use room::Room;
pub use store::{MemoryStore, Record, Store};

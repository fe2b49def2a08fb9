//! The client store: SQLite with sealed values; one file for each thing kept, `database` for how.

mod account;
mod database;
mod error;
mod message;
mod mls;
mod notice;
mod outbox;
mod own_commit;
mod person;
mod revision;
mod room;
mod schema;
mod seal;

pub use account::Account;
pub(crate) use account::{KeptDocument, Place, Session};
pub use database::Store;
pub use error::StoreError;
pub use message::{Message, OwnCopy};
pub use notice::Notice;
pub use outbox::{Unsent, UnsentState};
pub(crate) use own_commit::{CommitReason, OwnCommit};
pub use room::{Ahead, Membership, Repair, Room};
pub use seal::StoreKey;

//! The client store: SQLite with sealed values; one file for each thing kept, `database` for how.

mod database;
mod error;
mod message;
mod mls;
mod notice;
mod outbox;
mod own_commit;
mod person;
mod room;
mod schema;
mod seal;

pub use database::Store;
pub use error::StoreError;
pub use message::Message;
pub(crate) use mls::MlsTable;
pub use notice::Notice;
pub use outbox::{Unsent, UnsentState};
pub(crate) use own_commit::{CommitReason, OwnCommit};
pub use room::{Membership, Room};
pub use seal::StoreKey;

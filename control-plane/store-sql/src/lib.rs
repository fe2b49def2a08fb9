//! The directory's port (`control-plane/store/src/directory.rs`) on SQLite. The queue store: `store-log`.

#![warn(missing_docs)]

mod backup;
mod changes;
mod devices;
mod flows;
mod lock;
mod open;
mod providers;
mod row;
mod sessions;
mod transaction;
mod users;

pub use backup::{BackupError, backup, restore};
pub use lock::LockError;
pub use open::{DATABASE, OpenError, SqliteDirectory};

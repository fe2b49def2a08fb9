//! The directory's port (`control-plane/store/src/directory.rs`) on SQLite. The queue store: `store-log`.

#![warn(missing_docs)]

mod backup;
mod changes;
mod devices;
mod files;
mod flows;
mod lock;
mod open;
mod providers;
mod restore;
mod row;
mod sessions;
mod transaction;
mod users;

pub use backup::{BackupError, backup};
pub use files::FileError;
pub use lock::LockError;
pub use open::{DATABASE, OpenError, SqliteDirectory};
pub use restore::{Restored, restore};

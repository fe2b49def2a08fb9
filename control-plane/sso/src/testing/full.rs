//! The real directory on a volume that can be full when a test wants it. That SQLite tells a full volume as
//! [`DirectoryError::Full`] is shown in `store-sql`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use wickr_base::{Incarnation, UnixMillis};
use wickr_store::directory::{Directory, DirectoryError, Transaction};
use wickr_store::queue::Disk;
use wickr_store_sql::SqliteDirectory;

#[derive(Debug)]
pub(crate) struct Fillable {
    pub(crate) directory: SqliteDirectory,
    pub(crate) full: AtomicBool,
}

impl Fillable {
    fn room(&self, doing: &str) -> Result<(), DirectoryError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(DirectoryError::Full { doing: doing.to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Directory for Fillable {
    async fn begin(&self) -> Result<Box<dyn Transaction>, DirectoryError> {
        self.room("beginning to write")?;
        self.directory.begin().await
    }

    async fn read(&self) -> Result<Box<dyn Transaction>, DirectoryError> {
        self.directory.read().await
    }

    fn incarnation(&self) -> Incarnation {
        self.directory.incarnation()
    }

    async fn canary(&self, now: UnixMillis) -> Result<(), DirectoryError> {
        self.room("writing the canary")?;
        self.directory.canary(now).await
    }

    fn disk(&self) -> Result<Disk, DirectoryError> {
        self.directory.disk()
    }

    async fn backup(&self, to: &Path) -> Result<(), DirectoryError> {
        self.directory.backup(to).await
    }
}

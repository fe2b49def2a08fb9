//! Opening the database: lock, migrations, pragmas, incarnation. Transactions on it: `transaction`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row as _, SqliteConnection};
use wickr_base::{Incarnation, Rng, UnixMillis};
use wickr_store::directory::{Directory, DirectoryError, Transaction};
use wickr_store::queue::Disk;

use crate::files::FileError;
use crate::lock::{LockError, StoreLock};
use crate::row::engine;
use crate::transaction::SqliteTransaction;
use crate::{backup, restore};

/// The database's file name in the data directory.
pub const DATABASE: &str = "directory.sqlite";

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!();

const READERS: u32 = 4;

/// Why the directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or the lock can't be made.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A restored store waits and can't be put in place.
    #[error("putting the restored store in place")]
    Restored(#[source] FileError),
    /// SQLite can't open the file.
    #[error("opening \"{path}\"")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema can't be brought up to this version; a newer version's database is refused.
    #[error("migrating \"{path}\"")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
    /// The store's own row can't be read or written.
    #[error("reading the incarnation of \"{path}\"")]
    Incarnation {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The store's own row is not 16 bytes.
    #[error("the incarnation of \"{0}\" is not 16 bytes; restore a backup")]
    Damaged(PathBuf),
}

/// The directory in one SQLite file; WAL, every commit synced, one writer, a few readers.
#[derive(Debug)]
pub struct SqliteDirectory {
    writer: SqlitePool,
    readers: SqlitePool,
    data: PathBuf,
    incarnation: Incarnation,
    _lock: StoreLock,
}

impl SqliteDirectory {
    /// Opens the directory in the folder `data`, which must exist; makes and migrates it when needed.
    pub async fn open(data: &Path, rng: &dyn Rng) -> Result<Self, OpenError> {
        let lock = StoreLock::take(data)?;
        restore::adopt_restored(data).map_err(OpenError::Restored)?;
        let path = data.join(DATABASE);
        let opening = |source| OpenError::Open { path: path.clone(), source };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options(&path))
            .await
            .map_err(opening)?;
        MIGRATIONS.run(&writer).await.map_err(|source| OpenError::Migrate { path: path.clone(), source })?;
        let mut connection = writer.acquire().await.map_err(opening)?;
        let incarnation = incarnation(&mut connection, rng, &path).await?;
        drop(connection);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options(&path).create_if_missing(false).pragma("query_only", "ON"))
            .await
            .map_err(opening)?;
        Ok(Self { writer, readers, data: data.to_owned(), incarnation, _lock: lock })
    }

    /// Waits for transactions under way, folds the log into the database and lets go of the files.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
}

async fn incarnation(
    connection: &mut SqliteConnection,
    rng: &dyn Rng,
    path: &Path,
) -> Result<Incarnation, OpenError> {
    let reading = |source| OpenError::Incarnation { path: path.to_owned(), source };
    sqlx::query("INSERT INTO store (one, incarnation) VALUES (1, ?) ON CONFLICT (one) DO NOTHING")
        .bind(Incarnation::random(rng).0.as_slice())
        .execute(&mut *connection)
        .await
        .map_err(reading)?;
    let row =
        sqlx::query("SELECT incarnation FROM store").fetch_one(&mut *connection).await.map_err(reading)?;
    Incarnation::from_slice(row.get::<&[u8], _>(0)).ok_or_else(|| OpenError::Damaged(path.to_owned()))
}

#[async_trait]
impl Directory for SqliteDirectory {
    async fn begin(&self) -> Result<Box<dyn Transaction>, DirectoryError> {
        // IMMEDIATE: the write lock is taken now, so that what was read stays true until the commit.
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        Ok(Box::new(SqliteTransaction::new(begun.map_err(engine(|| "beginning to write".to_owned()))?)))
    }

    async fn read(&self) -> Result<Box<dyn Transaction>, DirectoryError> {
        let begun = self.readers.begin().await;
        Ok(Box::new(SqliteTransaction::new(begun.map_err(engine(|| "beginning to read".to_owned()))?)))
    }

    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    async fn canary(&self, now: UnixMillis) -> Result<(), DirectoryError> {
        let mut work = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(engine(|| "beginning the canary".to_owned()))?;
        sqlx::query("UPDATE store SET canary_at = ?")
            .bind(now.0)
            .execute(&mut *work)
            .await
            .map_err(engine(|| "writing the canary".to_owned()))?;
        work.commit().await.map_err(engine(|| "syncing the canary".to_owned()))?;
        let read: i64 = sqlx::query_scalar("SELECT canary_at FROM store")
            .fetch_one(&self.readers)
            .await
            .map_err(engine(|| "reading the canary".to_owned()))?;
        if read == now.0 {
            return Ok(());
        }
        Err(DirectoryError::Unreadable {
            what: "\"store.canary_at\"".to_owned(),
            why: format!("{} was written and {read} is there", now.0),
        })
    }

    fn disk(&self) -> Result<Disk, DirectoryError> {
        let space = rustix::fs::statvfs(&self.data).map_err(|error| DirectoryError::Engine {
            doing: format!("asking for the space on \"{}\"", self.data.display()),
            source: Box::new(error),
        })?;
        Ok(Disk {
            free: space.f_bavail.saturating_mul(space.f_frsize),
            total: space.f_blocks.saturating_mul(space.f_frsize),
        })
    }

    async fn backup(&self, to: &Path) -> Result<(), DirectoryError> {
        backup::backup(&self.data, to).await.map_err(|source| DirectoryError::Engine {
            doing: format!("writing a backup to \"{}\"", to.display()),
            source: Box::new(source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{SeededRng, UserId};
    use wickr_model::{Subject, User};

    async fn pragma<T>(pool: &SqlitePool, query: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
    {
        sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
    }

    #[tokio::test]
    async fn every_commit_is_synced_references_hold_and_readers_cannot_write() {
        let data = tempfile::tempdir().unwrap();
        let directory = SqliteDirectory::open(data.path(), &SeededRng::new(1)).await.unwrap();
        assert_eq!(pragma::<String>(&directory.writer, "PRAGMA journal_mode").await, "wal");
        assert_eq!(pragma::<i64>(&directory.writer, "PRAGMA synchronous").await, 2, "FULL");
        assert_eq!(pragma::<i64>(&directory.writer, "PRAGMA foreign_keys").await, 1);
        let refused = sqlx::query("DELETE FROM users").execute(&directory.readers).await;
        assert!(refused.is_err());
    }

    #[tokio::test]
    async fn a_full_volume_is_told_as_such_and_what_was_committed_before_stays() {
        let data = tempfile::tempdir().unwrap();
        let rng = SeededRng::new(1);
        let directory = SqliteDirectory::open(data.path(), &rng).await.unwrap();
        // SQLite's own limit gives the same error as a full volume.
        let pages: i64 = pragma(&directory.writer, "PRAGMA page_count").await;
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4));
        sqlx::query(limit).execute(&directory.writer).await.unwrap();
        let mut added = 0;
        let refused = loop {
            let subject = Subject { issuer: "i".repeat(900), subject: added.to_string() };
            let handle = format!("u{added}@hq.example").parse().unwrap();
            let user = User { id: UserId::random(&rng), subject, handle, created_at: UnixMillis(1) };
            let mut work = directory.begin().await.unwrap();
            let outcome = async {
                work.users().add(&user).await?;
                work.commit().await
            };
            match outcome.await {
                Ok(()) => added += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, DirectoryError::Full { .. }), "{refused:?}");
        let mut work = directory.read().await.unwrap();
        assert_eq!(work.users().count().await.unwrap(), added);
        assert!(added > 0);
    }
}

//! Copies of the database: a consistent one while it is in use, and putting one back as a new incarnation.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, SqliteConnection};
use wickr_base::{Incarnation, Rng};

use crate::lock::{LockError, StoreLock};
use crate::open::{DATABASE, MIGRATIONS, options};

/// Why a copy could not be made or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database to copy is not there, or can't be read.
    #[error("opening \"{path}\"")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The target is there already; nothing is written over.
    #[error("\"{0}\" is there already; move it away first")]
    TargetExists(PathBuf),
    /// SQLite could not write the copy.
    #[error("copying to \"{path}\"")]
    Copy {
        /// Where to.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The copy could not be made durable.
    #[error("syncing \"{path}\"")]
    Sync {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store to restore into is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The copy is damaged.
    #[error("\"{path}\" is damaged: {why}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The first lines of SQLite's integrity check.
        why: String,
    },
    /// The copy's schema can't be brought up to this version.
    #[error("migrating \"{path}\"")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
}

/// Writes a consistent copy of the directory in the folder `data` to the file `to`, also while it is in use.
pub async fn backup(data: &Path, to: &Path) -> Result<(), BackupError> {
    let path = data.join(DATABASE);
    let opened = options(&path).create_if_missing(false).connect().await;
    let mut connection = opened.map_err(|source| BackupError::Open { path, source })?;
    vacuum_into(&mut connection, to).await
}

async fn vacuum_into(connection: &mut SqliteConnection, to: &Path) -> Result<(), BackupError> {
    if to.exists() {
        return Err(BackupError::TargetExists(to.to_owned()));
    }
    sqlx::query("VACUUM INTO ?")
        .bind(to.to_string_lossy().into_owned())
        .execute(connection)
        .await
        .map_err(|source| BackupError::Copy { path: to.to_owned(), source })?;
    sync(to).await
}

/// Puts the copy `from` into the folder `data`, which must hold no directory, as a new incarnation: whoever
/// followed the old one starts over.
pub async fn restore(from: &Path, data: &Path, rng: &dyn Rng) -> Result<(), BackupError> {
    let _lock = StoreLock::take(data)?;
    let path = data.join(DATABASE);
    if path.exists() {
        return Err(BackupError::TargetExists(path));
    }
    // Made under another name first: a restore that was cut off is not taken for a store.
    let draft = data.join("directory.restoring");
    for leftover in ["", "-wal", "-shm"] {
        drop(tokio::fs::remove_file(data.join(format!("directory.restoring{leftover}"))).await);
    }
    let opened = options(from).create_if_missing(false).connect().await;
    let mut source = opened.map_err(|source| BackupError::Open { path: from.to_owned(), source })?;
    check(&mut source, from).await?;
    vacuum_into(&mut source, &draft).await?;
    let failed = |source| BackupError::Copy { path: draft.clone(), source };
    let mut copy = options(&draft).create_if_missing(false).connect().await.map_err(failed)?;
    MIGRATIONS
        .run(&mut copy)
        .await
        .map_err(|source| BackupError::Migrate { path: from.to_owned(), source })?;
    sqlx::query("INSERT OR REPLACE INTO store (one, incarnation) VALUES (1, ?)")
        .bind(Incarnation::random(rng).0.as_slice())
        .execute(&mut copy)
        .await
        .map_err(failed)?;
    copy.close().await.map_err(failed)?;
    sync(&draft).await?;
    tokio::fs::rename(&draft, &path)
        .await
        .map_err(|source| BackupError::Sync { path: path.clone(), source })?;
    sync(data).await
}

async fn check(source: &mut SqliteConnection, from: &Path) -> Result<(), BackupError> {
    let verdict: Result<String, _> = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(source).await;
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(why) => Err(BackupError::Damaged { path: from.to_owned(), why }),
        Err(error) => Err(BackupError::Damaged { path: from.to_owned(), why: error.to_string() }),
    }
}

async fn sync(path: &Path) -> Result<(), BackupError> {
    let synced = async { tokio::fs::File::open(path).await?.sync_all().await };
    synced.await.map_err(|source| BackupError::Sync { path: path.to_owned(), source })
}

//! A consistent copy of the database, also while it is in use. Putting one back: `restore`.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, SqliteConnection};

use crate::files::{self, FileError};
use crate::lock::LockError;
use crate::open::{DATABASE, options};

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
    /// SQLite could not write the copy.
    #[error("copying to \"{path}\"")]
    Copy {
        /// Where to.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A file could not be moved, removed or made durable.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lock of the store to restore into can't be made.
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

/// Writes a consistent copy of the directory in the folder `data` to the file `to`, also while it is in use. An
/// earlier copy there is replaced, once the new one is whole.
pub async fn backup(data: &Path, to: &Path) -> Result<(), BackupError> {
    let path = data.join(DATABASE);
    let opened = options(&path).create_if_missing(false).connect().await;
    let mut connection = opened.map_err(|source| BackupError::Open { path, source })?;
    let partial = to.with_extension("partial");
    files::remove(&partial)?;
    vacuum_into(&mut connection, &partial).await?;
    files::rename(&partial, to)?;
    Ok(files::sync_parent(to)?)
}

/// Into a file that is not there yet; durable when it returns.
pub(crate) async fn vacuum_into(connection: &mut SqliteConnection, to: &Path) -> Result<(), BackupError> {
    sqlx::query("VACUUM INTO ?")
        .bind(to.to_string_lossy().into_owned())
        .execute(connection)
        .await
        .map_err(|source| BackupError::Copy { path: to.to_owned(), source })?;
    Ok(files::sync(to)?)
}

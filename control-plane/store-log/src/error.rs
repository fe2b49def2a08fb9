//! What keeps the engine from opening, and how fjall's errors become the port's.

use std::path::PathBuf;

use wickr_store::queue::StoreError;

/// Why the store could not be opened, backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file operation failed.
    #[error("{attempted} \"{path}\": {source}")]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else has it open.
    #[error("the store in \"{path}\" is in use by another process")]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The engine refused.
    #[error("opening the store in \"{path}\": {source}")]
    Engine {
        /// The store's directory.
        path: PathBuf,
        /// What fjall said.
        source: fjall::Error,
    },
    /// Acknowledged data is damaged.
    #[error(
        "the journal \"{path}\" is damaged at byte {at}, and whole batches follow it: this is not an interrupted \
         write; restore a backup"
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where.
        at: u64,
    },
    /// A newer program wrote it.
    #[error(
        "the {what} \"{path}\" is of format {found}, and this program knows formats up to {known}: a newer version \
         wrote it; run that version, or restore a backup that this one can read"
    )]
    Newer {
        /// Store or backup.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The highest that is known here.
        known: u32,
    },
    /// There is not enough space for a copy.
    #[error(
        "{attempted} in \"{path}\" takes up to {needed} bytes with what must stay free there, and {free} are free: \
         make room on the volume, or name a directory on another one"
    )]
    NoSpace {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// The same is being done already.
    #[error("{attempted} for \"{path}\" is under way already: try again when that one is done")]
    UnderWay {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// It was told to stop.
    #[error("the backup was broken off, because the store is being closed: try again when it is open")]
    BrokenOff,
    /// A record can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A backup that can't be used.
    #[error("the backup \"{path}\" can't be used: {why}")]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
}

/// Names the step that failed.
pub(crate) fn step<R>(attempted: &'static str, result: fjall::Result<R>) -> Result<R, StoreError> {
    result.map_err(|error| StoreError::Failed { attempted, cause: error.to_string() })
}

pub(crate) fn file<R>(
    attempted: &'static str,
    path: impl Into<PathBuf>,
    result: std::io::Result<R>,
) -> Result<R, OpenError> {
    result.map_err(|source| OpenError::File { attempted, path: path.into(), source })
}

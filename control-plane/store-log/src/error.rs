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

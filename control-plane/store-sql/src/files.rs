//! Moving, removing and syncing files, each failure with what was attempted and on which file.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What could not be done to a file.
#[derive(Debug, thiserror::Error)]
#[error("{attempted} \"{path}\"")]
pub struct FileError {
    /// Such as "moving".
    attempted: &'static str,
    /// Which file.
    path: PathBuf,
    /// Why.
    source: std::io::Error,
}

fn told<T>(attempted: &'static str, path: &Path, done: std::io::Result<T>) -> Result<T, FileError> {
    done.map_err(|source| FileError { attempted, path: path.to_owned(), source })
}

/// Removes a file; one that isn't there is well.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => told("removing", path, done),
    }
}

/// Renames a file over whatever is there; durable only after [`sync_parent`].
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    told("moving", from, std::fs::rename(from, to))
}

/// Makes what a file or a directory holds durable.
pub(crate) fn sync(path: &Path) -> Result<(), FileError> {
    told("syncing", path, File::open(path).and_then(|file| file.sync_all()))
}

/// Makes a file's name durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

/// Makes a directory; one that is there is well.
pub(crate) fn make_directory(path: &Path) -> Result<(), FileError> {
    told("making", path, std::fs::create_dir_all(path))
}

/// Removes a directory and all in it; one that isn't there is well.
pub(crate) fn remove_directory(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => told("removing", path, done),
    }
}

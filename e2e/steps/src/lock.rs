//! A file lock, so that two commands at once don't build or allocate the same thing twice.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Waits for the lock and holds it until the file is dropped.
pub fn hold(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    }
    let file = File::create(path).with_context(|| format!("opening the lock {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

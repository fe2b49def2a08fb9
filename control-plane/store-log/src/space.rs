//! How much space there is, and how much must stay free so that what is stored can still be rewritten and removed.

use std::path::Path;

use wickr_store::queue::{Disk, StoreError};

use crate::error::OpenError;

const MEBIBYTE: u64 = 1 << 20;

/// Space on the volume of `path`.
pub(crate) fn disk(path: &Path) -> Result<Disk, StoreError> {
    let stat = rustix::fs::statvfs(path).map_err(|error| StoreError::Failed {
        attempted: "asking for free space",
        cause: error.to_string(),
    })?;
    Ok(Disk {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

/// Free bytes below which nothing new is taken in: fjall writes memtables out and merges files beside the old ones.
pub(crate) fn reserve(total: u64) -> u64 {
    (total / 8).clamp(16 * MEBIBYTE, 256 * MEBIBYTE)
}

/// Free bytes below which not even removals are taken in: they write a little too.
pub(crate) fn last_reserve(total: u64) -> u64 {
    reserve(total) / 8
}

/// Refuses what would write that many bytes into a directory and leave less than the reserve there.
pub(crate) fn check(attempted: &'static str, directory: &Path, bytes: u64) -> Result<(), OpenError> {
    let Disk { free, total } = disk(directory)?;
    let needed = bytes.saturating_add(reserve(total));
    if free < needed {
        return Err(OpenError::NoSpace { attempted, path: directory.to_owned(), free, needed });
    }
    Ok(())
}

/// Size of the log's memtable: large enough for speed, small beside the volume.
pub(crate) fn memtable(total: u64) -> u64 {
    (total / 64).clamp(4 * MEBIBYTE, 32 * MEBIBYTE)
}

/// Journals that may lie about before fjall writes memtables out to be rid of them.
pub(crate) fn journals(total: u64) -> u64 {
    (total / 8).clamp(64 * MEBIBYTE, 256 * MEBIBYTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_volume_keeps_an_eighth_and_a_large_one_a_quarter_gibibyte() {
        assert_eq!(reserve(256 * MEBIBYTE), 32 * MEBIBYTE);
        assert_eq!(reserve(1 << 40), 256 * MEBIBYTE);
    }
}

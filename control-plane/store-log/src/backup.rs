//! A backup: every record of one snapshot in one file, with a checksum; written while everything goes on.
//!
//! Format 1: `WICKRQB1` (the digit is the format), then records `keyspace u8, key length u32, value length u32, key, value` (big-endian),
//! then `0xff, number of records u64`, then SHA-256 of all before.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use fjall::Readable;
use wickr_store::queue::BackupDone;

use crate::error::{OpenError, file, step};
use crate::tables::Tables;
use crate::{opening, space};

/// The backup's file name.
pub const FILE: &str = "queue.wickr-backup";
/// What a backup begins with; a digit follows, the format's number.
pub(crate) const MAGIC: &[u8; 7] = b"WICKRQB";
pub(crate) const END: u8 = 0xff;

const UNFINISHED: &str = ".partial";

/// After so many bytes it looks anew whether the rest still fits.
const LOOK_EVERY: u64 = 8 << 20;

/// Writes the backup into `directory`; an earlier one there is replaced only when this one is whole. Breaks off when
/// `closing` becomes true.
pub(crate) fn write(
    tables: &Tables,
    directory: &Path,
    closing: &AtomicBool,
) -> Result<BackupDone, OpenError> {
    file("creating", directory, std::fs::create_dir_all(directory))?;
    drop_unfinished(directory)?;
    let expected = step("measuring the store", tables.db.disk_space())?;
    space::check("a backup", directory, expected)?;
    let partial = Partial::create(directory)?;
    let path = directory.join(FILE);
    let mut out = Out {
        to: BufWriter::new(&partial.file),
        digest: Context::new(&SHA256),
        bytes: 0,
        path: &partial.path,
    };
    out.write(MAGIC)?;
    out.write(b"1")?;
    let snapshot = tables.db.snapshot();
    let (mut records, mut looked) = (0_u64, 0);
    for (at, keyspace) in (0_u8..).zip(tables.all()) {
        for found in snapshot.iter(keyspace) {
            let (key, value) = step("reading for the backup", found.into_inner())?;
            out.write(&[at])?;
            out.write(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            out.write(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            out.write(&key)?;
            out.write(&value)?;
            records += 1;
            if closing.load(Ordering::Relaxed) {
                return Err(OpenError::BrokenOff);
            }
            if out.bytes - looked >= LOOK_EVERY {
                looked = out.bytes;
                space::check("the rest of a backup", directory, 0)?;
            }
        }
    }
    out.write(&[END])?;
    out.write(&records.to_be_bytes())?;
    let digest = out.digest.clone().finish();
    out.write(digest.as_ref())?;
    let bytes = out.bytes;
    file("writing", &partial.path, out.to.flush())?;
    drop(out);
    partial.finish(&path)?;
    opening::sync_directory(directory)?;
    Ok(BackupDone { file: path, records, bytes })
}

/// A backup in the making: locked for as long as it is written, and gone unless it was finished.
struct Partial {
    path: PathBuf,
    file: File,
    finished: bool,
}

impl Partial {
    /// A file that nobody else writes.
    fn create(directory: &Path) -> Result<Self, OpenError> {
        let mut number = 0_u32;
        loop {
            let path = directory.join(format!("{FILE}.{number}{UNFINISHED}"));
            match File::create_new(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                created => {
                    let partial = Self { file: file("creating", &path, created)?, path, finished: false };
                    file("locking", &partial.path, partial.file.lock())?;
                    return Ok(partial);
                }
            }
        }
    }

    fn finish(mut self, path: &Path) -> Result<(), OpenError> {
        file("syncing", &self.path, self.file.sync_all())?;
        file("renaming", &self.path, std::fs::rename(&self.path, path))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished backup could not be removed");
        }
    }
}

/// Removes what backups that were killed left in a directory; one that is being written is locked, and stays.
pub(crate) fn drop_unfinished(directory: &Path) -> Result<(), OpenError> {
    for found in file("listing", directory, std::fs::read_dir(directory))? {
        let path = file("listing", directory, found)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !(name.starts_with(FILE) && name.ends_with(UNFINISHED)) {
            continue;
        }
        // Whoever writes it may finish it at this very moment.
        let Ok(left) = File::open(&path) else { continue };
        if left.try_lock().is_ok() {
            file("removing", &path, std::fs::remove_file(&path))?;
        }
    }
    Ok(())
}

struct Out<'a> {
    to: BufWriter<&'a File>,
    digest: Context,
    bytes: u64,
    path: &'a Path,
}

impl Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        file("writing", self.path, self.to.write_all(bytes))
    }
}

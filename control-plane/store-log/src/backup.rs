//! A backup: every record of one snapshot in one file, with a checksum; written while everything goes on.
//!
//! Format 1: `WICKRQB1`, then records `keyspace u8, key length u32, value length u32, key, value` (big-endian),
//! then `0xff, number of records u64`, then SHA-256 of all before.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use fjall::Readable;
use wickr_store::queue::BackupDone;

use crate::error::{OpenError, file, step};
use crate::opening;
use crate::tables::Tables;

pub(crate) const FILE: &str = "queue.wickr-backup";
pub(crate) const MAGIC: &[u8; 8] = b"WICKRQB1";
pub(crate) const END: u8 = 0xff;

/// Writes the backup into `directory`; an earlier one there is replaced only when this one is whole.
pub(crate) fn write(tables: &Tables, directory: &Path) -> Result<BackupDone, OpenError> {
    file("creating", directory, std::fs::create_dir_all(directory))?;
    let (path, partial) = (directory.join(FILE), directory.join(format!("{FILE}.partial")));
    let created = file("creating", &partial, File::create(&partial))?;
    let mut out =
        Out { to: BufWriter::new(created), digest: Context::new(&SHA256), bytes: 0, path: &partial };
    out.write(MAGIC)?;
    let snapshot = tables.db.snapshot();
    let mut records = 0_u64;
    for (at, keyspace) in (0_u8..).zip(tables.all()) {
        for found in snapshot.iter(keyspace) {
            let (key, value) = step("reading for the backup", found.into_inner())?;
            out.write(&[at])?;
            out.write(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            out.write(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            out.write(&key)?;
            out.write(&value)?;
            records += 1;
        }
    }
    out.write(&[END])?;
    out.write(&records.to_be_bytes())?;
    let digest = out.digest.clone().finish();
    out.write(digest.as_ref())?;
    let bytes = out.bytes;
    let written = out.to.into_inner().map_err(std::io::IntoInnerError::into_error);
    let written = file("writing", &partial, written)?;
    file("syncing", &partial, written.sync_all())?;
    file("renaming", &partial, std::fs::rename(&partial, &path))?;
    opening::sync_directory(directory)?;
    Ok(BackupDone { file: path, records, bytes })
}

struct Out<'a> {
    to: BufWriter<File>,
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

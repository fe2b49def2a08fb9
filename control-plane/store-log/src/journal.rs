//! Reads fjall's journal (format 3) to cut off what no fsync covered: a torn last batch, or one whose sync failed.
//!
//! fjall itself drops a batch without its end, refuses to open when the last batch is there in length and wrong in
//! content (which is what lost pages look like), and cuts off whatever follows a damaged mark. Each of our batches is
//! synced before the next one is written, so only the last can be torn; a whole batch after a damaged one means that
//! acknowledged data is damaged, which is to be said and not to be cut off.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::error::{OpenError, file};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: &[u8] = b"FJL\x03";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    end: usize,
    seqno: u64,
}

/// Cuts a torn batch off the newest journal in `store`, if there is one in the format known here.
pub(crate) fn cut_torn(store: &Path) -> Result<(), OpenError> {
    let version = store.join("version");
    if !version.exists() || file("reading", &version, std::fs::read(&version))? != MAGIC {
        return Ok(());
    }
    let Some(path) = newest(store)? else { return Ok(()) };
    let bytes = file("reading the journal", &path, std::fs::read(&path))?;
    let (whole, last) = whole(&bytes, u64::MAX);
    if bytes[whole..].iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    if later(&bytes, whole, last).is_some() {
        return Err(OpenError::Damaged { path, at: whole as u64 });
    }
    tracing::warn!("the journal ends in a torn batch; it was not acknowledged and is cut off");
    cut(&path, whole)
}

/// Cuts everything from sequence number `from` on off the newest journal in `store`: it was never acknowledged.
pub(crate) fn cut_from(store: &Path, from: u64) -> Result<(), OpenError> {
    let Some(path) = newest(store)? else { return Ok(()) };
    let bytes = file("reading the journal", &path, std::fs::read(&path))?;
    cut(&path, whole(&bytes, from).0)
}

fn newest(store: &Path) -> Result<Option<PathBuf>, OpenError> {
    let mut newest: Option<(u64, PathBuf)> = None;
    for found in file("listing", store, std::fs::read_dir(store))? {
        let path = file("listing", store, found)?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        if let Some(number) = number
            && newest.as_ref().is_none_or(|(other, _)| number > *other)
        {
            newest = Some((number, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn cut(path: &Path, at: usize) -> Result<(), OpenError> {
    let journal = file("opening", path, OpenOptions::new().write(true).open(path))?;
    file("cutting", path, journal.set_len(at as u64))?;
    file("syncing", path, journal.sync_all())
}

/// Where the unbroken run of whole batches below `limit` ends, and the sequence number of its last.
fn whole(bytes: &[u8], limit: u64) -> (usize, u64) {
    let (mut at, mut last) = (0, 0);
    while let Some(batch) = batch(bytes, at).filter(|batch| batch.seqno < limit) {
        (at, last) = (batch.end, batch.seqno);
    }
    (at, last)
}

fn later(bytes: &[u8], after: usize, seqno: u64) -> Option<usize> {
    let starts = (after + 1..bytes.len()).filter(|at| bytes[*at] == START);
    starts.into_iter().find(|at| batch(bytes, *at).is_some_and(|batch| batch.seqno > seqno))
}

/// The whole batch at that place, if there is one.
fn batch(bytes: &[u8], at: usize) -> Option<Batch> {
    let mut reader = Reader { bytes, at };
    if reader.byte()? != START {
        return None;
    }
    let (count, seqno) = (reader.u32()?, reader.u64()?);
    let content = reader.at;
    for _ in 0..count {
        reader.item()?;
    }
    let mut checksum = Xxh3::default();
    checksum.update(bytes.get(content..reader.at)?);
    let whole = reader.byte()? == END && reader.u64()? == checksum.digest() && reader.take(4)? == MAGIC;
    whole.then_some(Batch { end: reader.at, seqno })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn item(&mut self) -> Option<()> {
        match self.byte()? {
            ITEM => {
                // Kind of value, compression, keyspace.
                self.take(2 + 8)?;
                let key = usize::from(self.u16()?);
                let (_, on_disk) = (self.u32()?, usize::try_from(self.u32()?).ok()?);
                self.take(key.checked_add(on_disk)?).map(|_| ())
            }
            CLEAR => self.take(8).map(|_| ()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::{Database, KeyspaceCreateOptions, PersistMode};

    /// Three synced batches of two items each; gives the journal's bytes and where each batch ends.
    fn written(directory: &Path) -> (Vec<u8>, Vec<usize>) {
        let db = Database::builder(directory).worker_threads(1).open().unwrap();
        let keyspace = db.keyspace("log", KeyspaceCreateOptions::default).unwrap();
        for round in 0..3_u8 {
            let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
            batch.insert(&keyspace, [round, 0], vec![round; 5000]);
            batch.insert(&keyspace, [round, 1], vec![round; 5000]);
            batch.commit().unwrap();
        }
        drop((keyspace, db));
        let bytes = std::fs::read(newest(directory).unwrap().unwrap()).unwrap();
        let mut ends = vec![0];
        while let Some(batch) = batch(&bytes, *ends.last().unwrap()) {
            ends.push(batch.end);
        }
        (bytes, ends)
    }

    fn rounds(directory: &Path) -> Vec<u8> {
        let db = Database::builder(directory).worker_threads(1).open().unwrap();
        let keyspace = db.keyspace("log", KeyspaceCreateOptions::default).unwrap();
        keyspace.iter().map(|guard| guard.key().unwrap()[0]).collect()
    }

    #[test]
    fn a_last_batch_with_lost_pages_is_cut_off_and_the_rest_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (bytes, ends) = written(directory.path());
        assert_eq!(ends.len(), 4);
        let path = newest(directory.path()).unwrap().unwrap();
        for lost in [ends[2] + 100..ends[2] + 200, ends[2]..ends[2] + 4096, ends[3] - 8..ends[3]] {
            let mut torn = bytes.clone();
            torn[lost].fill(0);
            std::fs::write(&path, &torn).unwrap();
            cut_torn(directory.path()).unwrap();
            assert_eq!(rounds(directory.path()), [0, 0, 1, 1]);
        }
    }

    #[test]
    fn damage_before_whole_batches_is_not_taken_for_a_torn_write() {
        let directory = tempfile::tempdir().unwrap();
        let (mut bytes, ends) = written(directory.path());
        bytes[ends[1] + 300] ^= 1;
        let path = newest(directory.path()).unwrap().unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let damaged = cut_torn(directory.path());
        assert!(matches!(damaged, Err(OpenError::Damaged { at, .. }) if at == ends[1] as u64), "{damaged:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn what_was_never_acknowledged_is_cut_off_by_its_number() {
        let directory = tempfile::tempdir().unwrap();
        let (bytes, ends) = written(directory.path());
        let last = batch(&bytes, ends[2]).unwrap().seqno;
        cut_from(directory.path(), last).unwrap();
        assert_eq!(rounds(directory.path()), [0, 0, 1, 1]);
    }
}

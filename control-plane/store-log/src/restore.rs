//! Restoring a backup: a new store beside the old one, in a new incarnation, that takes its place when it is whole.
//!
//! One-time key packages are left out: they may have been given away since, and a key is never used twice. Devices
//! fill their pools when they connect; last-resort packages stay.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use fjall::{PersistMode, Slice};
use wickr_base::{Incarnation, Rng};

use crate::backup::{END, FILE, MAGIC};
use crate::error::{OpenError, file, step};
use crate::keys::{self, Meta};
use crate::records::{self, Pool};
use crate::tables::{KEYSPACES, Tables};
use crate::{opening, space};

const BATCH_BYTES: usize = 4 << 20;

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Records brought back.
    pub records: u64,
    /// The new store's life.
    pub incarnation: Incarnation,
    /// Whether it is in its place. Otherwise a process has the old store open, and the next start puts it there.
    pub in_place: bool,
}

/// Restores the backup in `directory` into the data directory.
pub fn restore(directory: &Path, data: &Path, rng: &dyn Rng) -> Result<Restored, OpenError> {
    let path = directory.join(FILE);
    verify(&path)?;
    let building = data.join("queue.restoring");
    file("creating", data, std::fs::create_dir_all(data))?;
    for left_over in [&building, &opening::restored(data)] {
        if left_over.exists() {
            file("removing", left_over, std::fs::remove_dir_all(left_over))?;
        }
    }
    let incarnation = Incarnation::random(rng);
    let records = build(&path, &building, data, incarnation)?;
    let restored = opening::restored(data);
    file("renaming", &building, std::fs::rename(&building, &restored))?;
    opening::sync_directory(data)?;
    let in_place = match opening::lock(data) {
        Ok(_lock) => opening::adopt_restored(data)?,
        Err(OpenError::Locked { .. }) => false,
        Err(error) => return Err(error),
    };
    Ok(Restored { records, incarnation, in_place })
}

fn build(path: &Path, building: &Path, data: &Path, incarnation: Incarnation) -> Result<u64, OpenError> {
    let tables = Tables::open(building, space::disk(data)?.total, &Arc::default())?;
    let mut input = Input::open(path)?;
    let (mut batch, mut bytes) = (tables.db.batch().durability(None), 0);
    while let Some((at, key, value)) = input.record()? {
        let Some(keyspace) = tables.all().get(usize::from(at)).copied() else {
            return Err(input.refuse("it names a keyspace that this version does not know"));
        };
        let name = KEYSPACES[usize::from(at)];
        if name == "large" && keys::is_package(&key) {
            continue;
        }
        let value =
            if name == "records" && keys::is_pool(&key) { emptied(&value)? } else { Slice::from(value) };
        bytes += key.len() + value.len();
        batch.insert(keyspace, key, value);
        if bytes > BATCH_BYTES {
            step("writing the restored store", batch.commit())?;
            (batch, bytes) = (tables.db.batch().durability(None), 0);
        }
    }
    batch.insert(&tables.records, keys::meta(Meta::Incarnation), Slice::from(incarnation.0.as_slice()));
    step("writing the restored store", batch.durability(Some(PersistMode::SyncAll)).commit())?;
    Ok(input.records)
}

fn emptied(pool: &[u8]) -> Result<Slice, OpenError> {
    let pool: Pool = records::decode("a pool", pool)?;
    Ok(records::encode(&Pool { first: pool.next, ..pool }))
}

/// Reads the whole file once before anything is built from it.
fn verify(path: &Path) -> Result<(), OpenError> {
    let mut input = Input::open(path)?;
    while input.record()?.is_some() {}
    Ok(())
}

/// Keyspace, key, value.
type Record = (u8, Vec<u8>, Vec<u8>);

struct Input {
    path: PathBuf,
    from: BufReader<File>,
    digest: Context,
    records: u64,
}

impl Input {
    fn open(path: &Path) -> Result<Self, OpenError> {
        let from = BufReader::new(file("opening", path, File::open(path))?);
        let mut input = Self { path: path.to_owned(), from, digest: Context::new(&SHA256), records: 0 };
        if &input.array::<8>()? != MAGIC {
            return Err(input.refuse("it is not a queue backup of this version"));
        }
        Ok(input)
    }

    fn refuse(&self, why: &'static str) -> OpenError {
        OpenError::Backup { path: self.path.clone(), why }
    }

    /// The next record; `None` at the end, when the checksum is right.
    fn record(&mut self) -> Result<Option<Record>, OpenError> {
        let [at] = self.array::<1>()?;
        if at == END {
            let counted = u64::from_be_bytes(self.array()?);
            let expected = self.digest.clone().finish();
            let mut checksum = [0; 32];
            file("reading", &self.path, self.from.read_exact(&mut checksum))?;
            if counted != self.records || checksum != expected.as_ref() {
                return Err(self.refuse("its checksum is wrong"));
            }
            return Ok(None);
        }
        let lengths = [u32::from_be_bytes(self.array()?), u32::from_be_bytes(self.array()?)];
        let [key, value] = lengths.map(|length| self.take(u64::from(length)));
        self.records += 1;
        Ok(Some((at, key?, value?)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OpenError> {
        let mut bytes = [0; N];
        file("reading", &self.path, self.from.read_exact(&mut bytes))?;
        self.digest.update(&bytes);
        Ok(bytes)
    }

    /// Grows with what is really there, so that a damaged length does not ask for the memory it names.
    fn take(&mut self, length: u64) -> Result<Vec<u8>, OpenError> {
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(length).read_to_end(&mut bytes);
        if file("reading", &self.path, read)? as u64 != length {
            return Err(self.refuse("it ends too early"));
        }
        self.digest.update(&bytes);
        Ok(bytes)
    }
}

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
use wickr_base::{Clock, Incarnation, Rng};

use crate::backup::{END, FILE, MAGIC};
use crate::error::{OpenError, file, step};
use crate::keys::{self, Meta};
use crate::records::{self, Pool};
use crate::tables::{KEYSPACES, Tables};
use crate::{adopting, format, opening, space};

const BATCH_BYTES: usize = 4 << 20;

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Records brought back.
    pub records: u64,
    /// The new store's life.
    pub incarnation: Incarnation,
    /// Whether it is in its place. Otherwise a process has the old store open, and the next start puts it there if it
    /// comes within 15 minutes.
    pub in_place: bool,
}

/// Restores the backup in `directory` into the data directory. The store that is there is not looked into: it may be
/// damaged, or open.
pub fn restore(
    directory: &Path,
    data: &Path,
    rng: &dyn Rng,
    clock: &dyn Clock,
) -> Result<Restored, OpenError> {
    let path = directory.join(FILE);
    file("creating", data, std::fs::create_dir_all(data))?;
    let _alone = adopting::alone(data)?;
    let length = verify(&path)?;
    for left_over in [adopting::building(data), adopting::restored(data)] {
        adopting::drop_directory(&left_over)?;
    }
    space::check("a restore", data, length)?;
    let building = Building(adopting::building(data));
    let incarnation = Incarnation::random(rng);
    let records = build(&path, &building.0, data, incarnation)?;
    let restored = adopting::restored(data);
    adopting::announce(data, clock.now())?;
    file("renaming", &building.0, std::fs::rename(&building.0, &restored))?;
    opening::sync_directory(data)?;
    let in_place = match opening::lock(data) {
        Ok(_lock) => adopting::adopt_restored(data, clock.now())?,
        Err(OpenError::Locked { .. }) => false,
        Err(error) => return Err(error),
    };
    Ok(Restored { records, incarnation, in_place })
}

/// A store in the making, gone unless it was moved away whole.
struct Building(PathBuf);

impl Drop for Building {
    fn drop(&mut self) {
        if let Err(error) = adopting::drop_directory(&self.0) {
            tracing::warn!(%error, "what an interrupted restore left could not be removed");
        }
    }
}

fn build(path: &Path, building: &Path, data: &Path, incarnation: Incarnation) -> Result<u64, OpenError> {
    let tables = Tables::open(building, space::disk(data)?.total, &Arc::default())?;
    let mut input = Input::open(path)?;
    let (mut batch, mut bytes) = (tables.db.batch().durability(None), 0);
    while let Some((at, key, value)) = input.record()? {
        // Time begins anew with the clock: a wrong clock may be why somebody restores.
        if is_record(at) && key == *keys::meta(Meta::Time) {
            continue;
        }
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

/// Reads the whole file once before anything is built from it; gives its length.
fn verify(path: &Path) -> Result<u64, OpenError> {
    let mut input = Input::open(path)?;
    while let Some((at, key, value)) = input.record()? {
        if is_record(at) && key == *keys::meta(Meta::Format) {
            format::check("store in the backup", path, records::format(&value)?)?;
        }
    }
    Ok(file("measuring", path, std::fs::metadata(path))?.len())
}

fn is_record(at: u8) -> bool {
    KEYSPACES.get(usize::from(at)) == Some(&"records")
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
        let begins = input.array::<7>()?;
        let [digit] = input.array::<1>()?;
        match char::from(digit).to_digit(10) {
            Some(number) if &begins == MAGIC && number > 0 => format::check("backup", path, number)?,
            _ => return Err(input.refuse("it is not a queue backup")),
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

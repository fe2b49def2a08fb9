//! Opening a data directory: lock it, cut a torn tail, find or make the incarnation. Restored stores: `adopting.rs`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fjall::{PersistMode, Slice};
use wickr_base::{Incarnation, Rng, UnixMillis};
use wickr_store::queue::StoreError;

use crate::error::{OpenError, file, step};
use crate::keys::{self, Meta};
use crate::tables::Tables;
use crate::{format, journal, records, space};

/// The store within the data directory.
pub(crate) fn store(data: &Path) -> PathBuf {
    data.join("queue")
}

/// Held for as long as it lives; the system gives it back however the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "its drop unlocks")] File);

/// Takes the data directory for this process alone.
pub(crate) fn lock(data: &Path) -> Result<DirectoryLock, OpenError> {
    file("creating", data, std::fs::create_dir_all(data))?;
    let path = data.join("queue.lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = file("opening", &path, opened)?;
    match lock.try_lock() {
        Ok(()) => Ok(DirectoryLock(lock)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { attempted: "locking", path, source }),
    }
}

pub(crate) fn sync_directory(path: &Path) -> Result<(), OpenError> {
    file("syncing", path, File::open(path).and_then(|directory| directory.sync_all()))
}

/// Opens the tables; a torn last batch is cut off first, since nothing in it was acknowledged.
pub(crate) fn tables(data: &Path, settled: &Arc<AtomicI64>) -> Result<Tables, OpenError> {
    let path = store(data);
    let total = space::disk(data)?.total;
    journal::cut_torn(&path)?;
    let tables = Tables::try_open(&path, total, settled).map_err(|source| match source {
        fjall::Error::Locked => OpenError::Locked { path: data.to_owned() },
        source => OpenError::Engine { path: path.clone(), source },
    })?;
    if let Some(value) = tables.record(&keys::meta(Meta::Format))? {
        format::check("store", &path, records::format(&value)?)?;
    }
    Ok(tables)
}

/// The highest time that the store gave before.
pub(crate) fn given(tables: &Tables) -> Result<UnixMillis, StoreError> {
    let value = tables.record(&keys::meta(Meta::Time))?;
    Ok(value.map(|value| records::time(&value)).transpose()?.unwrap_or_default())
}

/// The store's life; a new store gets a new one. Says, too, in which format the store is from now on.
pub(crate) fn incarnation(tables: &Tables, rng: &dyn Rng) -> Result<Incarnation, OpenError> {
    let (key, format) = (keys::meta(Meta::Incarnation), keys::meta(Meta::Format));
    let found = tables.record(&key)?;
    let unreadable = StoreError::Unreadable { what: "the incarnation" };
    let incarnation = match &found {
        Some(value) => Incarnation::from_slice(value).ok_or(unreadable)?,
        None => Incarnation::random(rng),
    };
    if found.is_none() || tables.record(&format)?.is_none() {
        let mut batch = tables.db.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&tables.records, key, Slice::from(incarnation.0.as_slice()));
        batch.insert(&tables.records, format, Slice::from(format::FORMAT.to_be_bytes().as_slice()));
        step("writing the incarnation", batch.commit())?;
    }
    Ok(incarnation)
}

//! Opening a data directory: lock it, take over a restored store, cut a torn tail, find or make the incarnation.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fjall::{PersistMode, Slice};
use wickr_base::{Incarnation, Rng};

use crate::error::{OpenError, file, step};
use crate::keys::{self, Meta};
use crate::tables::Tables;
use crate::{journal, records, space};

/// The store within the data directory.
pub(crate) fn store(data: &Path) -> PathBuf {
    data.join("queue")
}

/// A restored store that waits to take its place.
pub(crate) fn restored(data: &Path) -> PathBuf {
    data.join("queue.restored")
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

/// Puts a restored store in the place of the one that is there; under the lock.
pub(crate) fn adopt_restored(data: &Path) -> Result<bool, OpenError> {
    let (restored, current, replaced) = (restored(data), store(data), data.join("queue.replaced"));
    if !restored.exists() {
        return Ok(false);
    }
    if current.exists() {
        if replaced.exists() {
            file("removing", &replaced, std::fs::remove_dir_all(&replaced))?;
        }
        file("moving away", &current, std::fs::rename(&current, &replaced))?;
    }
    file("moving", &restored, std::fs::rename(&restored, &current))?;
    sync_directory(data)?;
    Ok(true)
}

pub(crate) fn sync_directory(path: &Path) -> Result<(), OpenError> {
    file("syncing", path, File::open(path).and_then(|directory| directory.sync_all()))
}

/// Opens the tables; a torn last batch is cut off first, since nothing in it was acknowledged.
pub(crate) fn tables(data: &Path, time: &Arc<AtomicI64>) -> Result<Tables, OpenError> {
    let path = store(data);
    let total = space::disk(data)?.total;
    journal::cut_torn(&path)?;
    let tables = Tables::try_open(&path, total, time).map_err(|source| match source {
        fjall::Error::Locked => OpenError::Locked { path: data.to_owned() },
        source => OpenError::Engine { path, source },
    })?;
    if let Some(value) = tables.record(&keys::meta(Meta::Time))? {
        time.fetch_max(records::time(&value)?.0, Ordering::Relaxed);
    }
    Ok(tables)
}

/// The store's life; a new store gets a new one.
pub(crate) fn incarnation(tables: &Tables, rng: &dyn Rng) -> Result<Incarnation, OpenError> {
    let key = keys::meta(Meta::Incarnation);
    if let Some(value) = tables.record(&key)? {
        let unreadable = wickr_store::queue::StoreError::Unreadable { what: "the incarnation" };
        return Incarnation::from_slice(&value).ok_or(unreadable.into());
    }
    let incarnation = Incarnation::random(rng);
    let mut batch = tables.db.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(&tables.records, key, Slice::from(incarnation.0.as_slice()));
    step("writing the incarnation", batch.commit())?;
    Ok(incarnation)
}

//! A restored store that takes the place of the one that is there: at once, or at the next start within a while.
//!
//! A restore beside a running relay waits for its restart. It must not wait for ever: weeks later a drain would adopt
//! it, and everything since would be gone. So there stands beside it when it was made and against which life of the
//! store; what comes too late, or to another store, is set aside and not adopted.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prost::Message;
use wickr_base::{Incarnation, UnixMillis};
use wickr_store::queue::PendingRestore;

use crate::error::{OpenError, file};
use crate::opening::{store, sync_directory};
use crate::space;

/// How long a restored store waits for the start that adopts it.
pub(crate) const WAITS: Duration = Duration::from_mins(15);

/// How long a store that was replaced, or a restored one that came too late, is kept where there is space for it.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// What stands beside a restored store.
#[derive(Clone, PartialEq, Message)]
struct Beside {
    #[prost(int64, tag = "1")]
    made_at: i64,
    #[prost(int64, tag = "2")]
    until: i64,
    /// The life of the store that it is to replace; empty when that is not known.
    #[prost(bytes = "vec", tag = "3")]
    against: Vec<u8>,
}

/// A restored store that waits to take its place.
pub(crate) fn restored(data: &Path) -> PathBuf {
    data.join("queue.restored")
}

fn beside(data: &Path) -> PathBuf {
    data.join("queue.restored.made")
}

fn replaced(data: &Path) -> PathBuf {
    data.join("queue.replaced")
}

fn late(data: &Path) -> PathBuf {
    data.join("queue.restored.late")
}

fn life(data: &Path) -> PathBuf {
    data.join("queue.life")
}

/// Says, where it can be read without opening the store, which life of it this is.
pub(crate) fn write_life(data: &Path, incarnation: Incarnation) -> Result<(), OpenError> {
    if read_life(data)? == incarnation.0 {
        return Ok(());
    }
    write(&life(data), &incarnation.0)?;
    sync_directory(data)
}

/// Empty when the store has not been opened yet, or only by a program that did not say it.
fn read_life(data: &Path) -> Result<Vec<u8>, OpenError> {
    Ok(read(&life(data))?.unwrap_or_default())
}

/// To be written before the restored store lies there.
pub(crate) fn announce(data: &Path, now: UnixMillis) -> Result<(), OpenError> {
    let said = Beside { made_at: now.0, until: now.plus(WAITS).0, against: read_life(data)? };
    write(&beside(data), &said.encode_to_vec())?;
    sync_directory(data)
}

/// The restored store that waits, if there is one.
pub(crate) fn pending(data: &Path) -> Result<Option<PendingRestore>, OpenError> {
    if !restored(data).exists() {
        return Ok(None);
    }
    let said = said(data)?.unwrap_or_default();
    Ok(Some(PendingRestore { made_at: UnixMillis(said.made_at), until: UnixMillis(said.until) }))
}

fn said(data: &Path) -> Result<Option<Beside>, OpenError> {
    Ok(read(&beside(data))?.and_then(|bytes| Beside::decode(bytes.as_slice()).ok()))
}

/// Puts a restored store in the place of the one that is there, or sets it aside; under the lock.
pub(crate) fn adopt_restored(data: &Path, now: UnixMillis) -> Result<bool, OpenError> {
    let (restored, current) = (restored(data), store(data));
    if !restored.exists() {
        return Ok(false);
    }
    if current.exists() {
        if let Some(why) = refuse(data, now)? {
            let aside = late(data);
            set_aside(&restored, &aside, now)?;
            remove(&beside(data))?;
            sync_directory(data)?;
            tracing::error!(
                why, kept_in = %aside.display(),
                "a restored store is not adopted, and the store goes on as it was; if it is still to be restored, \
                 run `wickr-server restore` again and restart the relay within 15 minutes"
            );
            return Ok(false);
        }
        set_aside(&current, &replaced(data), now)?;
    }
    file("moving", &restored, std::fs::rename(&restored, &current))?;
    remove(&beside(data))?;
    remove(&life(data))?;
    sync_directory(data)?;
    Ok(true)
}

/// Why it must not be adopted.
fn refuse(data: &Path, now: UnixMillis) -> Result<Option<&'static str>, OpenError> {
    let Some(said) = said(data)? else {
        return Ok(Some("it does not say when it was made"));
    };
    if now.0 > said.until {
        return Ok(Some("it was made more than 15 minutes ago: what came since would be lost"));
    }
    if said.against != read_life(data)? {
        return Ok(Some("it was made to replace another store than the one that is here now"));
    }
    Ok(None)
}

fn set_aside(store: &Path, to: &Path, now: UnixMillis) -> Result<(), OpenError> {
    drop_directory(to)?;
    write(&since(to), &now.0.to_be_bytes())?;
    file("moving away", store, std::fs::rename(store, to))
}

/// Since when a store has been set aside.
fn since(aside: &Path) -> PathBuf {
    aside.with_added_extension("since")
}

/// Removes what an interrupted restore left, and what was set aside long ago or is in the way of what is live.
pub(crate) fn tidy(data: &Path, now: UnixMillis) -> Result<(), OpenError> {
    if let Ok(_alone) = alone(data) {
        drop_directory(&building(data))?;
    }
    let disk = space::disk(data)?;
    for aside in [replaced(data), late(data)] {
        if !aside.exists() {
            continue;
        }
        let Some(then) = read(&since(&aside))?.and_then(|bytes| bytes.try_into().ok()) else {
            write(&since(&aside), &now.0.to_be_bytes())?;
            continue;
        };
        let long = now.since(UnixMillis(i64::from_be_bytes(then))) > KEPT;
        if long || disk.free < space::reserve(disk.total) {
            tracing::info!(removed = %aside.display(), "a store that was set aside is removed");
            drop_directory(&aside)?;
        }
    }
    Ok(())
}

/// Where a restore builds.
pub(crate) fn building(data: &Path) -> PathBuf {
    data.join("queue.restoring")
}

/// One restore at a time in a data directory, for as long as this lives.
pub(crate) fn alone(data: &Path) -> Result<File, OpenError> {
    let path = data.join("queue.restore.lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = file("opening", &path, opened)?;
    let under_way = |_| OpenError::UnderWay { attempted: "a restore", path: data.to_owned() };
    lock.try_lock().map_err(under_way)?;
    Ok(lock)
}

/// Removes a directory that may not be there.
pub(crate) fn drop_directory(path: &Path) -> Result<(), OpenError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => file("removing", path, Err(error)),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => file("removing", path, Err(error)),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        found => file("reading", path, found).map(Some),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    let mut created = file("creating", path, File::create(path))?;
    file("writing", path, created.write_all(bytes))?;
    file("syncing", path, created.sync_all())
}

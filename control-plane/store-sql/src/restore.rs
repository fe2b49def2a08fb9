//! Putting a copy back as a new incarnation: built beside the store, and in its place at the next opening. A process
//! that has the old store open goes on undisturbed until then.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use wickr_base::{Incarnation, Rng};

use crate::backup::{BackupError, vacuum_into};
use crate::files::{self, FileError};
use crate::lock::{LockError, StoreLock};
use crate::open::{DATABASE, MIGRATIONS, options};

/// The database and what SQLite keeps beside it. The database comes last: as long as it hasn't been moved away,
/// the moving isn't over.
const PARTS: [&str; 3] = ["-wal", "-shm", ""];

/// What a restore did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The new store's life.
    pub incarnation: Incarnation,
    /// Whether it is in its place. Otherwise a process has the old store open, and the next start puts it there.
    pub in_place: bool,
}

/// Restores the copy `from` into the folder `data` as a new incarnation: whoever followed the old one starts over.
/// The old store is kept as `directory.replaced` until the next restore.
pub async fn restore(from: &Path, data: &Path, rng: &dyn Rng) -> Result<Restored, BackupError> {
    // Made under another name first: a restore that was cut off is not taken for a store.
    let building = data.join("directory.restoring");
    for part in PARTS {
        files::remove(&beside(&building, part))?;
    }
    let incarnation = Incarnation::random(rng);
    build(from, &building, incarnation).await?;
    files::rename(&building, &restored(data))?;
    files::sync(data)?;
    let in_place = match StoreLock::take(data) {
        Ok(_lock) => adopt_restored(data)?,
        Err(LockError::Held(_)) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Restored { incarnation, in_place })
}

/// Puts a restored store in the place of the one that is there; under the lock. Cut off anywhere, the next call
/// goes on.
pub(crate) fn adopt_restored(data: &Path) -> Result<bool, FileError> {
    let (restored, current) = (restored(data), data.join(DATABASE));
    if !restored.exists() {
        return Ok(false);
    }
    let (moving, replaced) = (data.join("directory.replacing"), data.join("directory.replaced"));
    files::make_directory(&moving)?;
    for part in PARTS {
        let old = beside(&current, part);
        if old.exists() {
            files::rename(&old, &moving.join(format!("{DATABASE}{part}")))?;
        }
    }
    // Before the new one is in place: its name must not become durable while the old one's log still has its own.
    files::sync(data)?;
    files::rename(&restored, &current)?;
    files::sync(data)?;
    files::remove_directory(&replaced)?;
    files::rename(&moving, &replaced)?;
    Ok(true)
}

fn restored(data: &Path) -> PathBuf {
    data.join("directory.restored")
}

fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    name.into()
}

async fn build(from: &Path, building: &Path, incarnation: Incarnation) -> Result<(), BackupError> {
    // Read only: a copy is the same after it was used.
    let opened = SqliteConnectOptions::new().filename(from).read_only(true).immutable(true).connect().await;
    let mut source = opened.map_err(|source| BackupError::Open { path: from.to_owned(), source })?;
    check(&mut source, from).await?;
    vacuum_into(&mut source, building).await?;
    let failed = |source| BackupError::Copy { path: building.to_owned(), source };
    let mut copy = options(building).create_if_missing(false).connect().await.map_err(failed)?;
    MIGRATIONS
        .run(&mut copy)
        .await
        .map_err(|source| BackupError::Migrate { path: from.to_owned(), source })?;
    sqlx::query("INSERT OR REPLACE INTO store (one, incarnation) VALUES (1, ?)")
        .bind(incarnation.0.as_slice())
        .execute(&mut copy)
        .await
        .map_err(failed)?;
    // Closing folds the log into the file, so that the file alone is the store.
    copy.close().await.map_err(failed)?;
    Ok(files::sync(building)?)
}

async fn check(source: &mut SqliteConnection, from: &Path) -> Result<(), BackupError> {
    let verdict: Result<String, _> = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(source).await;
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(why) => Err(BackupError::Damaged { path: from.to_owned(), why }),
        Err(error) => Err(BackupError::Damaged { path: from.to_owned(), why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(data: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(data).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_replacement_that_was_cut_off_at_any_step_is_ended_by_the_next() {
        // What a cut leaves: the first `moved` of the old store's three files are away already.
        for moved in 0..=PARTS.len() {
            let data = tempfile::tempdir().unwrap();
            let moving = data.path().join("directory.replacing");
            std::fs::create_dir(&moving).unwrap();
            for (at, part) in PARTS.into_iter().enumerate() {
                let folder = if at < moved { &moving } else { data.path() };
                std::fs::write(folder.join(format!("{DATABASE}{part}")), "old").unwrap();
            }
            std::fs::write(restored(data.path()), "new").unwrap();
            assert!(adopt_restored(data.path()).unwrap());
            assert_eq!(std::fs::read(data.path().join(DATABASE)).unwrap(), b"new");
            assert_eq!(names(data.path()), ["directory.replaced", DATABASE]);
            assert_eq!(names(&data.path().join("directory.replaced")).len(), PARTS.len());
            assert!(!adopt_restored(data.path()).unwrap(), "there is nothing left to do");
        }
    }
}

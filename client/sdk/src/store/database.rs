//! The open store: one connection, one writer, transactions that nest (what stands in it: the neighbours in this folder).

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::ReentrantMutex;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wickr_base::Rng;
use zeroize::Zeroizing;

use super::seal::{Sealer, StoreKey};
use super::{StoreError, schema};

/// The device's own store. Cheap to clone; all clones are one connection.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Reentrant, so that the MLS engine's storage calls fall into the transaction that is open on this thread.
    connection: ReentrantMutex<Open>,
    sealer: Sealer,
    rng: Arc<dyn Rng>,
}

struct Open {
    connection: Connection,
    depth: Cell<u32>,
}

const CHECK: &[u8] = b"this store opens with this key";

impl Store {
    /// Opens the store at `path`, or makes it; `StoreError::WrongKey` when another key sealed it.
    pub fn open(path: &Path, key: &StoreKey, rng: Arc<dyn Rng>) -> Result<Self, StoreError> {
        let connection = Connection::open(path)
            .map_err(|source| StoreError::Sql { doing: "opening the store", source })?;
        Self::over(connection, key, rng)
    }

    /// A store that lives as long as the process, for tests and for tools that keep nothing.
    pub fn in_memory(key: &StoreKey, rng: Arc<dyn Rng>) -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()
            .map_err(|source| StoreError::Sql { doing: "opening a store in memory", source })?;
        Self::over(connection, key, rng)
    }

    fn over(connection: Connection, key: &StoreKey, rng: Arc<dyn Rng>) -> Result<Self, StoreError> {
        // FULL: what is committed survives the loss of power, for the relay forgets what we acknowledge.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
                 PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;",
            )
            .map_err(|source| StoreError::Sql { doing: "setting the store up", source })?;
        schema::migrate(&connection)?;
        let store = Self {
            inner: Arc::new(Inner {
                connection: ReentrantMutex::new(Open { connection, depth: Cell::new(0) }),
                sealer: Sealer::new(key)?,
                rng,
            }),
        };
        match store.setting_bytes("check") {
            Ok(Some(found)) if *found == CHECK => Ok(store),
            Ok(None) => store.put_setting_bytes("check", CHECK).map(|()| store),
            Ok(Some(_)) | Err(StoreError::Damaged { .. }) => Err(StoreError::WrongKey),
            Err(other) => Err(other),
        }
    }

    /// Runs `work` in one transaction: all of it lands durably, or nothing does. Inside another one it joins that.
    pub fn write<T, E: From<StoreError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let open = self.inner.connection.lock();
        if open.depth.get() > 0 {
            return work();
        }
        let run = |script, doing| {
            open.connection.execute_batch(script).map_err(|source| StoreError::Sql { doing, source })
        };
        run("BEGIN IMMEDIATE", "beginning a transaction")?;
        open.depth.set(1);
        let outcome = work();
        open.depth.set(0);
        match outcome {
            Ok(value) => match run("COMMIT", "committing a transaction") {
                Ok(()) => Ok(value),
                Err(error) => {
                    // A failed COMMIT may leave the transaction open; it must not swallow the next one.
                    let _ = run("ROLLBACK", "rolling a transaction back");
                    Err(error.into())
                }
            },
            Err(error) => {
                run("ROLLBACK", "rolling a transaction back")?;
                Err(error)
            }
        }
    }

    pub(crate) fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let open = self.inner.connection.lock();
        work(&open.connection).map_err(|source| StoreError::Sql { doing, source })
    }

    pub(crate) fn seal(
        &self,
        table: &'static str,
        row: &[u8],
        value: &impl Serialize,
    ) -> Result<Vec<u8>, StoreError> {
        let plain =
            Zeroizing::new(serde_json::to_vec(value).map_err(|source| StoreError::Record { table, source })?);
        self.seal_bytes(table, row, &plain)
    }

    pub(crate) fn unseal<T: DeserializeOwned>(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        let plain = self.unseal_bytes(table, row, sealed)?;
        serde_json::from_slice(&plain).map_err(|source| StoreError::Record { table, source })
    }

    pub(crate) fn seal_bytes(
        &self,
        table: &'static str,
        row: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.inner.sealer.seal(table, row, value, &*self.inner.rng)
    }

    pub(crate) fn unseal_bytes(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.inner.sealer.open(table, row, sealed)
    }

    pub(crate) fn tag(&self, value: &[u8]) -> [u8; 16] {
        self.inner.sealer.tag(value)
    }

    pub(crate) fn setting_bytes(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let sealed: Option<Vec<u8>> = self.with("reading a setting", |c| {
            c.prepare_cached("SELECT value FROM setting WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        })?;
        sealed.map(|sealed| self.unseal_bytes("setting", name.as_bytes(), &sealed)).transpose()
    }

    pub(crate) fn put_setting_bytes(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let sealed = self.seal_bytes("setting", name.as_bytes(), value)?;
        self.with("writing a setting", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
                .execute(params![name, sealed])
        })?;
        Ok(())
    }

    /// A setting of its own type; `None` when it was never written.
    pub(crate) fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.setting_bytes(name)?
            .map(|plain| {
                serde_json::from_slice(&plain)
                    .map_err(|source| StoreError::Record { table: "setting", source })
            })
            .transpose()
    }

    pub(crate) fn put_setting(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let plain = Zeroizing::new(
            serde_json::to_vec(value).map_err(|source| StoreError::Record { table: "setting", source })?,
        );
        self.put_setting_bytes(name, &plain)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{Secret, SeededRng};

    fn rng() -> Arc<dyn Rng> {
        Arc::new(SeededRng::new(1))
    }

    #[test]
    fn another_key_is_told_apart_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        drop(Store::open(&path, &Secret::new([1; 32]), rng()).unwrap());
        assert!(matches!(Store::open(&path, &Secret::new([2; 32]), rng()), Err(StoreError::WrongKey)));
        assert!(Store::open(&path, &Secret::new([1; 32]), rng()).is_ok());
    }

    #[test]
    fn a_store_of_a_newer_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::open(&path, &Secret::new([1; 32]), rng()).unwrap();
        store.with("test", |c| c.execute_batch("PRAGMA user_version = 99")).unwrap();
        drop(store);
        assert!(matches!(
            Store::open(&path, &Secret::new([1; 32]), rng()),
            Err(StoreError::TooNew { found: 99, .. })
        ));
    }

    #[test]
    fn a_transaction_inside_a_failed_one_leaves_nothing() {
        let store = Store::in_memory(&Secret::new([1; 32]), rng()).unwrap();
        let outcome: Result<(), StoreError> = store.write(|| {
            store.write(|| store.put_setting("inner", &1))?;
            Err(StoreError::Key)
        });
        assert!(outcome.is_err());
        assert_eq!(store.setting::<u32>("inner").unwrap(), None);
        store.write(|| store.put_setting("after", &2)).unwrap();
        assert_eq!(store.setting::<u32>("after").unwrap(), Some(2));
    }
}

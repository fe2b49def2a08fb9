//! The tables under the MLS engine: groups, past epochs, key packages; in the same transactions as everything else.

use rusqlite::{OptionalExtension, params};
use zeroize::Zeroizing;

use super::{Store, StoreError};

/// Which kind of MLS state; the numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MlsTable {
    Group = 1,
    Epoch = 2,
    KeyPackage = 3,
}

impl MlsTable {
    fn row(self, key: &[u8]) -> Vec<u8> {
        [&[self as u8], key].concat()
    }
}

impl Store {
    pub(crate) fn mls_get(
        &self,
        table: MlsTable,
        key: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let sealed: Option<Vec<u8>> = self.with("reading MLS state", |c| {
            c.prepare_cached("SELECT value FROM mls WHERE kind = ?1 AND key = ?2")?
                .query_row(params![table as u8, key], |row| row.get(0))
                .optional()
        })?;
        sealed.map(|sealed| self.unseal_bytes("mls", &table.row(key), &sealed)).transpose()
    }

    pub(crate) fn mls_put(&self, table: MlsTable, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let sealed = self.seal_bytes("mls", &table.row(key), value)?;
        self.with("writing MLS state", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO mls (kind, key, value) VALUES (?1, ?2, ?3)")?
                .execute(params![table as u8, key, sealed])
        })?;
        Ok(())
    }

    pub(crate) fn mls_delete(&self, table: MlsTable, key: &[u8]) -> Result<(), StoreError> {
        self.with("deleting MLS state", |c| {
            c.prepare_cached("DELETE FROM mls WHERE kind = ?1 AND key = ?2")?
                .execute(params![table as u8, key])
        })?;
        Ok(())
    }

    /// Keys of that kind that start with `prefix`, in byte order.
    pub(crate) fn mls_keys(&self, table: MlsTable, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let keys: Vec<Vec<u8>> = self.with("listing MLS state", |c| {
            c.prepare_cached("SELECT key FROM mls WHERE kind = ?1 AND key >= ?2 ORDER BY key")?
                .query_map(params![table as u8, prefix], |row| row.get(0))?
                .collect()
        })?;
        Ok(keys.into_iter().take_while(|key| key.starts_with(prefix)).collect())
    }
}

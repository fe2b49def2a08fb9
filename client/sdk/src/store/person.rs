//! Handles that were looked up, so that a roster shows names also without a connection.

use rusqlite::{OptionalExtension, params};
use wickr_base::{Handle, UserId};

use super::{Store, StoreError};

impl Store {
    /// Remembers whose handle that is.
    pub fn save_handle(&self, user: UserId, handle: &Handle) -> Result<(), StoreError> {
        let tag = self.tag(user.as_bytes());
        let sealed = self.seal("person", &tag, handle)?;
        self.with("writing a handle", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO person (tag, value) VALUES (?1, ?2)")?
                .execute(params![tag, sealed])
        })?;
        Ok(())
    }

    /// The handle of that user, when it was ever looked up.
    pub fn handle(&self, user: UserId) -> Result<Option<Handle>, StoreError> {
        let tag = self.tag(user.as_bytes());
        let sealed: Option<Vec<u8>> = self.with("reading a handle", |c| {
            c.prepare_cached("SELECT value FROM person WHERE tag = ?1")?
                .query_row([tag], |row| row.get(0))
                .optional()
        })?;
        sealed.map(|sealed| self.unseal("person", &tag, &sealed)).transpose()
    }
}

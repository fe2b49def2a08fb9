//! What a person should know and nobody asked for: dropped messages, repairs, removals. The newest hundred are kept.

use rusqlite::params;
use serde::{Deserialize, Serialize};
use wickr_base::{RoomId, Seq, UnixMillis};

use super::{Store, StoreError};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When, by this device's clock.
    pub at: UnixMillis,
    /// In which room.
    pub room: Option<RoomId>,
    /// At which place of its log.
    pub seq: Option<Seq>,
    /// What happened, for a person.
    pub text: String,
}

const KEPT: i64 = 100;

impl Store {
    /// Keeps a notice and lets the oldest go.
    pub fn add_notice(&self, notice: &Notice) -> Result<(), StoreError> {
        let sealed = self.seal("notice", b"", notice)?;
        self.with("writing a notice", |c| {
            c.prepare_cached("INSERT INTO notice (value) VALUES (?1)")?.execute([sealed])?;
            c.prepare_cached("DELETE FROM notice WHERE place <= (SELECT max(place) FROM notice) - ?1")?
                .execute(params![KEPT])
        })?;
        Ok(())
    }

    /// All kept notices, oldest first.
    pub fn notices(&self) -> Result<Vec<Notice>, StoreError> {
        let rows: Vec<Vec<u8>> = self.with("reading notices", |c| {
            c.prepare_cached("SELECT value FROM notice ORDER BY place")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        rows.iter().map(|sealed| self.unseal("notice", b"", sealed)).collect()
    }
}

//! A commit (or a fresh generation) that this device has made and whose fate it does not know yet.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use wickr_base::{Generation, MemberUri, MessageId, RoomId};

use super::{Store, StoreError};

/// Bytes that may be at the relay already; sent again under the same id until the log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnCommit {
    pub(crate) id: MessageId,
    pub(crate) room: RoomId,
    pub(crate) generation: Generation,
    pub(crate) epoch: u64,
    pub(crate) commit: Vec<u8>,
    pub(crate) welcome: Option<Vec<u8>>,
    pub(crate) group_info: Vec<u8>,
    pub(crate) reason: CommitReason,
}

/// What the commit is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CommitReason {
    /// Brings these devices in.
    Add(Vec<MemberUri>),
    /// Takes these devices out.
    Remove(Vec<MemberUri>),
    /// Carries proposals of others, a renewed certificate, or just a fresh path.
    Path,
    /// Not a commit but the start of that generation.
    Generation(Generation),
}

impl Store {
    /// Keeps the commit of its room; there is at most one.
    pub(crate) fn save_own_commit(&self, commit: &OwnCommit) -> Result<(), StoreError> {
        let room = commit.room.to_string();
        let sealed = self.seal("own_commit", room.as_bytes(), commit)?;
        self.with("writing an own commit", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO own_commit (room, value) VALUES (?1, ?2)")?
                .execute(params![room, sealed])
        })?;
        Ok(())
    }

    /// The commit of that room whose fate is open.
    pub(crate) fn own_commit(&self, room: &RoomId) -> Result<Option<OwnCommit>, StoreError> {
        let room = room.to_string();
        let sealed: Option<Vec<u8>> = self.with("reading an own commit", |c| {
            c.prepare_cached("SELECT value FROM own_commit WHERE room = ?1")?
                .query_row([&room], |row| row.get(0))
                .optional()
        })?;
        sealed.map(|sealed| self.unseal("own_commit", room.as_bytes(), &sealed)).transpose()
    }

    /// Forgets it: it came back in the log, or lost.
    pub(crate) fn remove_own_commit(&self, room: &RoomId) -> Result<(), StoreError> {
        self.with("removing an own commit", |c| {
            c.prepare_cached("DELETE FROM own_commit WHERE room = ?1")?.execute([room.to_string()])
        })?;
        Ok(())
    }
}

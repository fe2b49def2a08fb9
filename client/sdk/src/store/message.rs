//! Opened messages, own ones too: history, what the application has not been given, and what a restore may have lost.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use wickr_base::{MemberUri, MessageId, RoomId, Seq, UnixMillis};

use super::{Store, StoreError};

/// One text message of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Order of arrival on this device, over all rooms.
    pub place: i64,
    /// The room.
    pub room: RoomId,
    /// Its place in the room's log.
    pub seq: Seq,
    /// The relay's time when it was sequenced.
    pub time: UnixMillis,
    /// The sender's id for it.
    pub id: MessageId,
    /// The sender's certificate URI.
    pub sender: MemberUri,
    /// Sent by this device.
    pub mine: bool,
    /// When it is to vanish, by the relay's time; 0 for never.
    pub expires: UnixMillis,
    /// What it says.
    pub text: String,
}

/// What is kept of an own message so that it can be sent again after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCopy {
    /// The encoded content as it was sealed into MLS.
    pub content: Vec<u8>,
    /// How many arrivals the room had seen by then (`Room::arrivals`).
    pub audience: u64,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    sender: MemberUri,
    text: String,
    // Of own messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Vec<u8>>,
    #[serde(default)]
    audience: u64,
}

const COLUMNS: &str = "place, room, seq, id, mine, time, expires, value";

struct Raw {
    place: i64,
    room: String,
    seq: i64,
    id: [u8; 16],
    mine: bool,
    time: i64,
    expires: i64,
    value: Vec<u8>,
}

impl Raw {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            place: row.get(0)?,
            room: row.get(1)?,
            seq: row.get(2)?,
            id: row.get(3)?,
            mine: row.get(4)?,
            time: row.get(5)?,
            expires: row.get(6)?,
            value: row.get(7)?,
        })
    }
}

impl Store {
    /// Keeps a message; false when one of that sender with that id is held already.
    pub fn save_message(&self, message: &Message, own: Option<&OwnCopy>) -> Result<bool, StoreError> {
        let sealed = self.seal(
            "message",
            &message.id.0,
            &Sealed {
                sender: message.sender.clone(),
                text: message.text.clone(),
                content: own.map(|own| own.content.clone()),
                audience: own.map_or(0, |own| own.audience),
            },
        )?;
        let sender = self.tag(message.sender.to_string().as_bytes());
        let seq = i64::try_from(message.seq.0).unwrap_or(i64::MAX);
        let added = self.with("writing a message", |c| {
            c.prepare_cached(
                "INSERT OR IGNORE INTO message (room, seq, id, sender, mine, time, expires, value)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                message.room.to_string(),
                seq,
                message.id.0,
                sender,
                message.mine,
                message.time.0,
                message.expires.0,
                sealed
            ])
        })?;
        Ok(added > 0)
    }

    /// Moves own messages to where a new incarnation of the relay has sequenced them.
    pub(crate) fn move_own_message(
        &self,
        room: &RoomId,
        id: MessageId,
        seq: Seq,
    ) -> Result<bool, StoreError> {
        let seq = i64::try_from(seq.0).unwrap_or(i64::MAX);
        let changed = self.with("moving an own message", |c| {
            c.prepare_cached("UPDATE message SET seq = ?3 WHERE room = ?1 AND id = ?2 AND mine")?
                .execute(params![room.to_string(), id.0, seq])
        })?;
        Ok(changed > 0)
    }

    /// Whether any sender's message of that id is held.
    pub(crate) fn knows_message(&self, room: &RoomId, id: MessageId) -> Result<bool, StoreError> {
        let found: Option<i64> = self.with("looking a message up", |c| {
            c.prepare_cached("SELECT place FROM message WHERE room = ?1 AND id = ?2")?
                .query_row(params![room.to_string(), id.0], |row| row.get(0))
                .optional()
        })?;
        Ok(found.is_some())
    }

    /// This device's own message of that id.
    pub fn own_message(&self, room: &RoomId, id: MessageId) -> Result<Option<Message>, StoreError> {
        let row = self.with("looking an own message up", |c| {
            c.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE room = ?1 AND id = ?2 AND mine"))?
                .query_row(params![room.to_string(), id.0], Raw::read)
                .optional()
        })?;
        row.map(|raw| self.open_message(&raw)).transpose()
    }

    /// Messages that arrived after `place`, oldest first, at most `limit`; of one room when given.
    pub fn messages_after(
        &self,
        room: Option<&RoomId>,
        place: i64,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let room = room.map(ToString::to_string);
        let rows: Vec<Raw> = self.with("reading messages", |c| {
            c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM message WHERE place > ?1 AND (?2 IS NULL OR room = ?2) ORDER BY place LIMIT ?3"
            ))?
            .query_map(params![place, room, limit], Raw::read)?
            .collect()
        })?;
        rows.into_iter().map(|raw| self.open_message(&raw)).collect()
    }

    /// The newest `limit` messages, oldest of them first; of one room when given.
    pub fn last_messages(&self, room: Option<&RoomId>, limit: usize) -> Result<Vec<Message>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let room = room.map(ToString::to_string);
        let rows: Vec<Raw> = self.with("reading messages", |c| {
            c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM message WHERE ?1 IS NULL OR room = ?1 ORDER BY place DESC LIMIT ?2"
            ))?
            .query_map(params![room, limit], Raw::read)?
            .collect()
        })?;
        rows.into_iter().rev().map(|raw| self.open_message(&raw)).collect()
    }

    /// Own messages of a room sequenced since `since`, with their content, oldest first.
    pub(crate) fn own_messages_since(
        &self,
        room: &RoomId,
        since: UnixMillis,
    ) -> Result<Vec<(MessageId, UnixMillis, OwnCopy)>, StoreError> {
        let rows: Vec<Raw> = self.with("reading own messages", |c| {
            c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM message WHERE room = ?1 AND mine AND time >= ?2 ORDER BY place"
            ))?
            .query_map(params![room.to_string(), since.0], Raw::read)?
            .collect()
        })?;
        let mut out = Vec::new();
        for raw in rows {
            let sealed: Sealed = self.unseal("message", &raw.id, &raw.value)?;
            if let Some(content) = sealed.content {
                let own = OwnCopy { content, audience: sealed.audience };
                out.push((MessageId(raw.id), UnixMillis(raw.expires), own));
            }
        }
        Ok(out)
    }

    /// Forgets messages whose time has come.
    pub fn purge_expired(&self, now: UnixMillis) -> Result<usize, StoreError> {
        self.with("purging expired messages", |c| {
            c.prepare_cached("DELETE FROM message WHERE expires > 0 AND expires <= ?1")?.execute([now.0])
        })
    }

    /// Up to which place the application has been given messages; of one room when given.
    pub fn given(&self, room: Option<&RoomId>) -> Result<i64, StoreError> {
        let all = self.setting::<i64>("given")?.unwrap_or(0);
        match room {
            None => Ok(all),
            Some(room) => Ok(self.setting::<i64>(&format!("given {room}"))?.unwrap_or(0).max(all)),
        }
    }

    /// Notes that the application has been given everything up to `place`.
    pub fn mark_given(&self, room: Option<&RoomId>, place: i64) -> Result<(), StoreError> {
        if place <= self.given(room)? {
            return Ok(());
        }
        match room {
            None => self.put_setting("given", &place),
            Some(room) => self.put_setting(&format!("given {room}"), &place),
        }
    }

    fn open_message(&self, raw: &Raw) -> Result<Message, StoreError> {
        let sealed: Sealed = self.unseal("message", &raw.id, &raw.value)?;
        Ok(Message {
            place: raw.place,
            room: raw.room.parse().map_err(|_| StoreError::Damaged { table: "message" })?,
            seq: Seq(u64::try_from(raw.seq).unwrap_or(0)),
            time: UnixMillis(raw.time),
            id: MessageId(raw.id),
            sender: sealed.sender,
            mine: raw.mine,
            expires: UnixMillis(raw.expires),
            text: sealed.text,
        })
    }
}

//! Messages that the relay has not acknowledged yet, in the order they were written.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use wickr_base::{MessageId, RoomId, UnixMillis};
use wickr_wire::ProblemCode;

use super::{Store, StoreError};

/// A message that waits for its acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Order in which it was written.
    pub place: i64,
    /// Where it goes.
    pub room: RoomId,
    /// The same on each try.
    pub id: MessageId,
    /// When it is to vanish, by the relay's time; 0 for never.
    pub expires: UnixMillis,
    /// Encoded `wickr.content.v1.Content`.
    pub content: Vec<u8>,
    /// A control message (a room's name), not shown as a message.
    pub control: bool,
    /// How many arrivals its room had seen when it was last sealed, or else written (`Room::arrivals`).
    pub audience: u64,
    /// It was sent before, to that audience: nobody who came since may get it.
    pub again: bool,
    /// Whether it is still tried.
    pub state: UnsentState,
}

/// Whether an unsent message is still tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnsentState {
    /// It is sent as soon as there is a connection.
    Waiting,
    /// The relay refused it for good.
    Refused {
        /// The problem code.
        code: String,
        /// The relay's words.
        detail: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    expires: UnixMillis,
    content: Vec<u8>,
    control: bool,
    #[serde(default)]
    audience: u64,
    #[serde(default)]
    again: bool,
    state: UnsentState,
}

struct Raw {
    place: i64,
    room: String,
    id: [u8; 16],
    value: Vec<u8>,
}

impl Raw {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { place: row.get(0)?, room: row.get(1)?, id: row.get(2)?, value: row.get(3)? })
    }
}

impl Unsent {
    /// A new one for the end of the queue.
    pub fn new(room: RoomId, id: MessageId, expires: UnixMillis, content: Vec<u8>, control: bool) -> Self {
        let (audience, again) = (0, false);
        Self { place: 0, room, id, expires, content, control, audience, again, state: UnsentState::Waiting }
    }

    /// For those who are in the room now.
    #[must_use]
    pub fn to(self, audience: u64) -> Self {
        Self { audience, ..self }
    }

    /// Once more, for those alone who were in the room when it was first sent.
    #[must_use]
    pub fn again(self, audience: u64) -> Self {
        Self { audience, again: true, ..self }
    }
}

impl Store {
    /// Puts a message at the end of the queue; one of the same id stays where it is.
    pub fn add_unsent(&self, unsent: &Unsent) -> Result<(), StoreError> {
        let value = self.seal_unsent(unsent)?;
        self.with("writing an unsent message", |c| {
            c.prepare_cached("INSERT OR IGNORE INTO outbox (room, id, value) VALUES (?1, ?2, ?3)")?
                .execute(params![unsent.room.to_string(), unsent.id.0, value])
        })?;
        Ok(())
    }

    /// All unsent messages in order.
    pub fn unsent(&self) -> Result<Vec<Unsent>, StoreError> {
        let rows: Vec<Raw> = self.with("reading unsent messages", |c| {
            c.prepare_cached("SELECT place, room, id, value FROM outbox ORDER BY place")?
                .query_map([], Raw::read)?
                .collect()
        })?;
        rows.iter().map(|raw| self.open_unsent(raw)).collect()
    }

    /// The unsent message of that id.
    pub fn unsent_by_id(&self, id: MessageId) -> Result<Option<Unsent>, StoreError> {
        let row = self.with("reading an unsent message", |c| {
            c.prepare_cached("SELECT place, room, id, value FROM outbox WHERE id = ?1")?
                .query_row([id.0], Raw::read)
                .optional()
        })?;
        row.map(|raw| self.open_unsent(&raw)).transpose()
    }

    fn open_unsent(&self, raw: &Raw) -> Result<Unsent, StoreError> {
        let sealed: Sealed = self.unseal("outbox", &raw.id, &raw.value)?;
        Ok(Unsent {
            place: raw.place,
            room: raw.room.parse().map_err(|_| StoreError::Damaged { table: "outbox" })?,
            id: MessageId(raw.id),
            expires: sealed.expires,
            content: sealed.content,
            control: sealed.control,
            audience: sealed.audience,
            again: sealed.again,
            state: sealed.state,
        })
    }

    /// Notes that the relay refused it for good.
    pub fn refuse_unsent(&self, unsent: &Unsent, code: ProblemCode, detail: &str) -> Result<(), StoreError> {
        let mut unsent = unsent.clone();
        unsent.state = UnsentState::Refused { code: code.as_str().to_owned(), detail: detail.to_owned() };
        self.update_unsent(&unsent)
    }

    /// Writes anew what is kept of it.
    pub fn update_unsent(&self, unsent: &Unsent) -> Result<(), StoreError> {
        let value = self.seal_unsent(unsent)?;
        self.with("writing an unsent message", |c| {
            c.prepare_cached("UPDATE outbox SET value = ?2 WHERE id = ?1")?
                .execute(params![unsent.id.0, value])
        })?;
        Ok(())
    }

    /// Takes it out of the queue; false when it was not in it.
    pub fn remove_unsent(&self, id: MessageId) -> Result<bool, StoreError> {
        let removed = self.with("removing an unsent message", |c| {
            c.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id.0])
        })?;
        Ok(removed > 0)
    }

    fn seal_unsent(&self, unsent: &Unsent) -> Result<Vec<u8>, StoreError> {
        let sealed = Sealed {
            expires: unsent.expires,
            content: unsent.content.clone(),
            control: unsent.control,
            audience: unsent.audience,
            again: unsent.again,
            state: unsent.state.clone(),
        };
        self.seal("outbox", &unsent.id.0, &sealed)
    }
}

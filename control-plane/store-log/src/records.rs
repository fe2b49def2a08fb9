//! The values behind the keys of `keys.rs`. Entries have a fixed header, everything rarer is protobuf.

use std::io::Read;

use bytes::Bytes;
use fjall::Slice;
use prost::Message;
use wickr_base::{DeviceId, Generation, Incarnation, MemberUri, MessageId, Seq, UnixMillis, UserId};
use wickr_store::queue::{Entry, EntryKind, Followed, Place, RoomMeta, RoomNumber, StoreError};

const ENTRY_VERSION: u8 = 1;
const HEADER: usize = 55;
const APPLICATION: u8 = 0;
const HAS_SENDER: u8 = 1;
const HAS_EXPIRY: u8 = 2;
/// An entry that was purged at the head of its log, where the number must stay known.
const HUSK: u8 = 4;

/// What the header of an entry says; the body follows it.
pub(crate) struct EntryHead {
    pub(crate) time: UnixMillis,
    pub(crate) generation: Generation,
    pub(crate) kind: EntryKind,
    pub(crate) sender: Option<DeviceId>,
    pub(crate) id: MessageId,
    pub(crate) expires_at: Option<UnixMillis>,
}

impl EntryHead {
    /// Header and body in one allocation.
    pub(crate) fn with_body(&self, body: &[u8]) -> Result<Slice, StoreError> {
        let head = self.bytes(0);
        Slice::from_reader(&mut head.as_slice().chain(body), HEADER + body.len())
            .map_err(|error| StoreError::Failed { attempted: "building an entry", cause: error.to_string() })
    }

    fn bytes(&self, flags: u8) -> [u8; HEADER] {
        let mut head = [0; HEADER];
        head[0] = ENTRY_VERSION;
        head[1] = match self.kind {
            EntryKind::Application => APPLICATION,
            EntryKind::Commit => 1,
            EntryKind::Proposal => 2,
            EntryKind::GenerationStarted => 3,
        };
        head[2] = flags
            | (u8::from(self.sender.is_some()) * HAS_SENDER)
            | (u8::from(self.expires_at.is_some()) * HAS_EXPIRY);
        head[3..7].copy_from_slice(&self.generation.0.to_be_bytes());
        head[7..15].copy_from_slice(&self.time.0.to_be_bytes());
        if let Some(sender) = &self.sender {
            head[15..31].copy_from_slice(sender.as_bytes());
        }
        head[31..47].copy_from_slice(&self.id.0);
        if let Some(at) = self.expires_at {
            head[47..55].copy_from_slice(&at.0.to_be_bytes());
        }
        head
    }
}

/// What remains of a purged entry at the head of its log.
pub(crate) fn husk() -> Slice {
    let head = EntryHead {
        time: UnixMillis(0),
        generation: Generation(0),
        kind: EntryKind::Application,
        sender: None,
        id: MessageId([0; 16]),
        expires_at: None,
    };
    Slice::from(head.bytes(HUSK).as_slice())
}

/// When an entry was sequenced, and whether it is a handshake; `None` for a husk.
pub(crate) fn aged(value: &[u8]) -> Result<Option<(UnixMillis, bool)>, StoreError> {
    let head: &[u8; HEADER] = value.first_chunk().ok_or(StoreError::Unreadable { what: "an entry" })?;
    let husk = head[2] & HUSK != 0;
    Ok((!husk).then(|| (UnixMillis(i64::from_be_bytes(at(head, 7))), head[1] != APPLICATION)))
}

/// Reads an entry back; `None` for a husk and for what has expired by `now`.
pub(crate) fn entry(seq: Seq, value: &Slice, now: UnixMillis) -> Result<Option<Entry>, StoreError> {
    let unreadable = || StoreError::Unreadable { what: "an entry" };
    let head: &[u8; HEADER] = value.first_chunk().ok_or_else(unreadable)?;
    let kind = match (head[0], head[1]) {
        (ENTRY_VERSION, APPLICATION) => EntryKind::Application,
        (ENTRY_VERSION, 1) => EntryKind::Commit,
        (ENTRY_VERSION, 2) => EntryKind::Proposal,
        (ENTRY_VERSION, 3) => EntryKind::GenerationStarted,
        _ => return Err(unreadable()),
    };
    let expires_at = (head[2] & HAS_EXPIRY != 0).then(|| UnixMillis(i64::from_be_bytes(at(head, 47))));
    if head[2] & HUSK != 0 || expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    Ok(Some(Entry {
        place: Place { seq, time: UnixMillis(i64::from_be_bytes(at(head, 7))) },
        generation: Generation(u32::from_be_bytes(at(head, 3))),
        kind,
        sender: (head[2] & HAS_SENDER != 0).then(|| DeviceId::from_bytes(at(head, 15))),
        id: MessageId(at(head, 31)),
        expires_at,
        body: Bytes::copy_from_slice(&value[HEADER..]),
    }))
}

fn at<const N: usize>(head: &[u8; HEADER], from: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&head[from..from + N]);
    out
}

/// A place among the remembered answers.
pub(crate) fn answer(place: Place) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&place.time.0.to_be_bytes());
    value[8..].copy_from_slice(&place.seq.0.to_be_bytes());
    value
}

pub(crate) fn answer_place(value: &[u8]) -> Option<Place> {
    let time = UnixMillis(i64::from_be_bytes(value.get(..8)?.try_into().ok()?));
    Some(Place { time, seq: Seq(u64::from_be_bytes(value.get(8..16)?.try_into().ok()?)) })
}

/// Incarnation and number.
pub(crate) fn followed(followed: Followed) -> [u8; 24] {
    let mut value = [0; 24];
    value[..16].copy_from_slice(&followed.incarnation.0);
    value[16..].copy_from_slice(&followed.number.to_be_bytes());
    value
}

pub(crate) fn read_followed(value: &[u8]) -> Result<Followed, StoreError> {
    let unreadable = StoreError::Unreadable { what: "how far the changes were followed" };
    let Some((incarnation, rest)) = value.split_first_chunk::<16>() else { return Err(unreadable) };
    Ok(Followed { incarnation: Incarnation(*incarnation), number: number(rest)? })
}

pub(crate) fn number(value: &[u8]) -> Result<u64, StoreError> {
    value.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Unreadable { what: "a number" })
}

pub(crate) fn time(value: &[u8]) -> Result<UnixMillis, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::Unreadable { what: "a time" })?;
    Ok(UnixMillis(i64::from_be_bytes(bytes)))
}

pub(crate) fn format(value: &[u8]) -> Result<u32, StoreError> {
    value.try_into().map(u32::from_be_bytes).map_err(|_| StoreError::Unreadable { what: "the format" })
}

/// A protobuf record read back.
pub(crate) fn decode<M: Message + Default>(what: &'static str, value: &[u8]) -> Result<M, StoreError> {
    M::decode(value).map_err(|_| StoreError::Unreadable { what })
}

pub(crate) fn encode<M: Message>(record: &M) -> Slice {
    Slice::from(record.encode_to_vec())
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomRecord {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes = "vec", tag = "2")]
    owner: Vec<u8>,
    #[prost(uint32, tag = "3")]
    generation: u32,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(uint64, tag = "5")]
    oldest: u64,
    #[prost(uint64, tag = "6")]
    revision: u64,
    #[prost(uint64, tag = "7")]
    trimmed: u64,
}

impl From<&RoomMeta> for RoomRecord {
    fn from(meta: &RoomMeta) -> Self {
        Self {
            id: meta.id.to_string(),
            owner: meta.owner.as_bytes().to_vec(),
            generation: meta.generation.0,
            epoch: meta.epoch,
            oldest: meta.oldest,
            revision: meta.revision.0,
            trimmed: meta.trimmed.0,
        }
    }
}

impl RoomRecord {
    pub(crate) fn meta(self, number: RoomNumber, head: Seq) -> Result<RoomMeta, StoreError> {
        let unreadable = StoreError::Unreadable { what: "a room" };
        let (Ok(id), Ok(owner)) = (self.id.parse(), self.owner.as_slice().try_into()) else {
            return Err(unreadable);
        };
        Ok(RoomMeta {
            number,
            id,
            owner: UserId::from_bytes(owner),
            generation: Generation(self.generation),
            epoch: self.epoch,
            oldest: self.oldest,
            revision: Seq(self.revision),
            head,
            trimmed: Seq(self.trimmed),
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Members {
    #[prost(string, repeated, tag = "1")]
    uris: Vec<String>,
}

impl Members {
    pub(crate) fn of(uris: &[MemberUri]) -> Self {
        Self { uris: uris.iter().map(ToString::to_string).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.uris.is_empty()
    }

    pub(crate) fn uris(self) -> Result<Vec<MemberUri>, StoreError> {
        let parsed = self.uris.iter().map(|uri| uri.parse());
        parsed.collect::<Result<_, _>>().map_err(|_| StoreError::Unreadable { what: "a member" })
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Part {
    #[prost(uint64, tag = "1")]
    pub(crate) from: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) until: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Inbox {
    /// The first item that may still be there.
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    /// The newest item's number.
    #[prost(uint64, tag = "2")]
    pub(crate) last: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct InboxRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) room: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) generation: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) epoch: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) seq: u64,
    #[prost(int64, tag = "5")]
    pub(crate) time: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Pool {
    /// The oldest one-time package.
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    /// One past the newest.
    #[prost(uint64, tag = "2")]
    pub(crate) next: u64,
    #[prost(bool, tag = "3")]
    pub(crate) last_resort: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Package {
    #[prost(int64, tag = "1")]
    pub(crate) not_after: i64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) package: Bytes,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Waiting {
    #[prost(uint64, tag = "1")]
    pub(crate) pending: u64,
    #[prost(int64, tag = "2")]
    pub(crate) until: i64,
}

//! What stands in a room's log, in a device's inbox, and what a device has to do with a room.

use bytes::Bytes;
use wickr_base::{DeviceId, Generation, MessageId, RoomId, Seq, UnixMillis};

use super::RoomMeta;

/// Where and when something was sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number in the room's log.
    pub seq: Seq,
    /// The relay's time at that moment; never smaller than that of an earlier place.
    pub time: UnixMillis,
}

/// What an entry's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// MLSMessage(PrivateMessage); the id is `Outer.message_id`.
    Application,
    /// MLSMessage(PublicMessage(Commit)); the id is the submission's.
    Commit,
    /// MLSMessage(PublicMessage(Proposal)).
    Proposal,
    /// Empty: from here on the room goes by the entry's generation.
    GenerationStarted,
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where and when.
    pub place: Place,
    /// The MLS group that it belongs to.
    pub generation: Generation,
    /// What the body is.
    pub kind: EntryKind,
    /// The device that submitted it; `None` for the hub itself.
    pub sender: Option<DeviceId>,
    /// The id it was submitted with.
    pub id: MessageId,
    /// From when on it is not delivered any more.
    pub expires_at: Option<UnixMillis>,
    /// The bytes as they were submitted.
    pub body: Bytes,
}

/// A Welcome that waits for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxItem {
    /// Its number in this device's inbox, from 1, never used twice.
    pub number: u64,
    /// The room that the device was added to.
    pub room: RoomId,
    /// The generation that the Welcome leads to.
    pub generation: Generation,
    /// The epoch that the Welcome leads to.
    pub epoch: u64,
    /// The entry that added the device; its log starts after it.
    pub place: Place,
    /// MLSMessage(Welcome).
    pub welcome: Bytes,
}

/// A device's part in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The room as it is now.
    pub room: RoomMeta,
    /// Its log starts after this entry.
    pub from: Seq,
    /// The entry that removed it, which is the last that it gets.
    pub until: Option<Seq>,
    /// Up to where it holds the room durably.
    pub acknowledged: Seq,
}

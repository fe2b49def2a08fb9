//! What may be asked of the store's writer; handshakes stand in `handshake.rs`, answers in `outcome.rs`.

use bytes::Bytes;
use wickr_base::{DeviceId, Generation, Incarnation, MessageId, Seq, UnixMillis, UserId};

use super::{Handshake, RoomNumber};

/// One operation; each is atomic, and they count in the order in which they were submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An application message.
    Append(Append),
    /// Creation, commit, proposal, next generation.
    Handshake(Box<Handshake>),
    /// What devices now hold durably.
    MoveCursors(Vec<CursorMove>),
    /// Drops a device's Welcomes up to and with that number.
    ClearInbox {
        /// Whose.
        device: DeviceId,
        /// Up to which number.
        through: u64,
    },
    /// A device signs in with its own store at a revision, which must be higher than any that was seen of it.
    SignIn(DeviceRevision),
    /// Devices' own stores have come as far as this.
    NoteRevisions(Vec<DeviceRevision>),
    /// Adds to a device's key packages.
    Publish(Box<Publish>),
    /// Takes one package of each device of each user; none is given that ends at or before `live_at`.
    Claim {
        /// Whose devices.
        users: Vec<UserId>,
        /// Whose one-time packages are kept: of their devices the last-resort package is given, where there is one.
        kept: Vec<UserId>,
        /// A package must live longer than this.
        live_at: UnixMillis,
    },
    /// One of the directory's numbered changes.
    Apply(Change),
    /// Removes what has expired by the settled time ([`super::Now`]), at most that many things.
    Purge {
        /// How many at most.
        at_most: usize,
    },
    /// Removes what [`super::QueueStore::trimmable`] found, at most that many entries.
    Trim {
        /// What.
        trim: Trim,
        /// How many entries at most.
        at_most: usize,
    },
    /// Writes the time, so that it can be read back: proof that the store stores.
    Canary,
}

/// An application message for a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Which room.
    pub room: RoomNumber,
    /// The generation it was sealed in.
    pub generation: Generation,
    /// The epoch it was sealed in.
    pub epoch: u64,
    /// Who sent it.
    pub sender: DeviceId,
    /// `Outer.message_id`: with the same sender it gets the same answer for 30 days.
    pub id: MessageId,
    /// From when on it is not delivered any more.
    pub expires_at: Option<UnixMillis>,
    /// MLSMessage(PrivateMessage).
    pub body: Bytes,
}

/// A device holds a room up to and with `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// Which device.
    pub device: DeviceId,
    /// Which room.
    pub room: RoomNumber,
    /// Up to where.
    pub seq: Seq,
}

/// How far a device's own store has come. It only ever rises there; a store that comes back with less is a copy of
/// an earlier time, and the keys in it have been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRevision {
    /// Whose store.
    pub device: DeviceId,
    /// Its revision, from 1.
    pub revision: u64,
}

/// One key package and the end of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEntry {
    /// MLSMessage(KeyPackage).
    pub package: Bytes,
    /// Its certificate's end, or its own where that is earlier.
    pub not_after: UnixMillis,
}

/// The beginning of a room's log that nobody needs any more. Cursors and time only go forward, so what was found once
/// stays true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Which room.
    pub room: RoomNumber,
    /// The last entry that is not needed.
    pub through: Seq,
    /// The newest handshake among them that a member has not acknowledged: it is older than [`super::KEPT_UNDELIVERED`].
    pub missed: Option<Seq>,
    /// When nobody is in the room any more and all of it goes: devices that were still to get its end.
    pub ended: Option<Vec<DeviceId>>,
}

/// Key packages of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Whose device.
    pub user: UserId,
    /// Which device.
    pub device: DeviceId,
    /// To be given once each.
    pub one_time: Vec<PoolEntry>,
    /// To be given when no other is left; replaces the one before.
    pub last_resort: Option<PoolEntry>,
    /// Whether all that were there before go.
    pub replace: bool,
}

/// How far the directory's changes have been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Which life of the directory numbered them.
    pub incarnation: Incarnation,
    /// Everything up to this number need not be read again.
    pub number: u64,
}

/// A change of the directory. Revoking a revoked device does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// How far the changes have then been followed.
    pub followed: Followed,
    /// The device that is revoked, if the change is about one.
    pub revoked: Option<DeviceId>,
}

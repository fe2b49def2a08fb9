//! What the store answers: a refusal is an outcome, an error is what keeps it from answering.

use bytes::Bytes;
use wickr_base::{DeviceId, Generation, RoomId, UserId};

use super::Place;

/// The answer to an operation; it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the room's log.
    Sequenced(Sequenced),
    /// It changed nothing.
    Refused(Refused),
    /// It is done.
    Done,
    /// What the device's pool holds now.
    Pool(PoolCount),
    /// Packages, never to be given again.
    Claimed(Claimed),
    /// The device is revoked; these rooms must now remove it.
    Revoked(Vec<RoomId>),
    /// So much was removed.
    Purged {
        /// Things removed.
        removed: usize,
        /// Whether there is more to remove.
        more: bool,
    },
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Its place.
    pub place: Place,
    /// Whether it stood there already: the same id was submitted before.
    pub repeated: bool,
    /// Inbox numbers that its Welcome got.
    pub inbox: Vec<(DeviceId, u64)>,
}

/// Why an operation changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such room.
    NoRoom,
    /// The room is there already.
    RoomExists,
    /// The room goes by another generation.
    StaleGeneration {
        /// The room's.
        generation: Generation,
        /// The room's.
        epoch: u64,
    },
    /// The room is at another epoch, or the message's is too old.
    StaleEpoch {
        /// The room's.
        generation: Generation,
        /// The room's.
        epoch: u64,
    },
    /// Another handshake came between: judge again.
    Conflict,
    /// It would expire before anybody could read it.
    Expired,
    /// The owner has as many live rooms as one may have.
    TooManyRooms,
    /// The device has as many Welcomes or key packages waiting as it may have.
    Full(DeviceId),
    /// The device is revoked.
    Revoked(DeviceId),
    /// The device's store is not further than it was seen to be: it is a copy of an earlier time.
    OldStore {
        /// The highest revision that was seen.
        seen: u64,
    },
}

/// How many key packages a device has to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCount {
    /// Once each.
    pub one_time: u32,
    /// Whether there is one for when they are used up.
    pub last_resort: bool,
}

/// The answer to a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// One of each device that had one.
    pub packages: Vec<ClaimedPackage>,
    /// Devices that had none.
    pub without: Vec<(UserId, DeviceId)>,
}

/// One key package given away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedPackage {
    /// Whose device.
    pub user: UserId,
    /// Which device.
    pub device: DeviceId,
    /// MLSMessage(KeyPackage).
    pub package: Bytes,
}

/// Why the store can't answer. Nothing that it was asked for counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left; the store goes on when there is some again.
    #[error("the store has no space left: {free} bytes free, {needed} needed")]
    Full {
        /// Bytes free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// A step failed.
    #[error("{attempted}: {cause}")]
    Failed {
        /// What was attempted.
        attempted: &'static str,
        /// What went wrong.
        cause: String,
    },
    /// What was read is not what was written.
    #[error("reading {what}: its bytes are not what this version writes")]
    Unreadable {
        /// Which record.
        what: &'static str,
    },
    /// The store is being closed, or opened again after a failure.
    #[error("the store is not open")]
    Closed,
}

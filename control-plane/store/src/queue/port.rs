//! The port itself: submit operations, be told when they are durable, read what is.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use wickr_base::{DeviceId, Generation, Incarnation, MessageId, RoomId, Seq, UnixMillis};

use super::{
    Entry, Followed, InboxItem, Membership, Operation, Outcome, Place, PoolCount, Refused, Room, RoomNumber,
    StoreError, Trim,
};

/// An operation that is done: its ticket, itself, and the answer.
#[derive(Debug)]
pub struct Completed<T> {
    /// What it was submitted with.
    pub ticket: T,
    /// The operation, so that its bytes can be sent on without a copy.
    pub operation: Operation,
    /// The answer. An error means that it does not count, and may be submitted again.
    pub outcome: Result<Outcome, StoreError>,
}

/// What one shared fsync covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Bytes of the bodies.
    pub bytes: usize,
    /// How long writing and syncing took.
    pub sync: Duration,
}

/// Who is told of what is durable. Called by the engine's writer, so it must be quick and must not wait.
pub trait Sink<T>: Send {
    /// One batch, in the order of submission. What has an error as its outcome does not count.
    fn completed(&mut self, batch: &mut Vec<Completed<T>>, report: BatchReport);
}

/// An operation that was not taken in.
#[derive(Debug)]
pub struct Rejected<T> {
    /// What it was submitted with.
    pub ticket: T,
    /// Whether the store is closed; otherwise it has more waiting than it may.
    pub closed: bool,
}

/// Space on the store's volume, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Free for the store.
    pub free: u64,
    /// Altogether.
    pub total: u64,
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rooms.
    pub rooms: u64,
    /// Devices that ever published key packages and are not revoked.
    pub devices: u64,
}

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupDone {
    /// The file.
    pub file: PathBuf,
    /// Records in it.
    pub records: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// A restored store that waits to take this one's place at the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingRestore {
    /// When it was made.
    pub made_at: UnixMillis,
    /// A start after this sets it aside and goes on with the store as it is.
    pub until: UnixMillis,
}

/// A queue store. Reads show only what is durable.
#[async_trait]
pub trait QueueStore<T>: Send + Sync + Debug {
    /// Hands in an operation; the sink gets its answer when it is durable.
    fn submit(&self, operation: Operation, ticket: T) -> Result<(), Rejected<T>>;

    /// Operations handed in and not yet complete.
    fn waiting(&self) -> usize;

    /// This store's life: new at creation and at restore.
    fn incarnation(&self) -> Incarnation;

    /// The store's time: the clock's, but never smaller than one that it gave before in this run or wrote in an
    /// earlier one.
    fn now(&self) -> UnixMillis;

    /// A room and who is in it.
    async fn room(&self, id: &RoomId) -> Result<Option<Room>, StoreError>;

    /// The observer's state as the newest handshake left it.
    async fn state(&self, room: RoomNumber) -> Result<Option<Bytes>, StoreError>;

    /// The rooms of a device: those it is in, and those it was removed from and has not acknowledged to the end.
    async fn memberships(&self, device: DeviceId) -> Result<Vec<Membership>, StoreError>;

    /// Entries after one place, through another, in order; stops before it would exceed `max_bytes` of bodies (but
    /// gives at least one). A seq that is missing before the last one given has expired.
    async fn log(
        &self,
        room: RoomNumber,
        after: Seq,
        through: Seq,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Welcomes after that number, in order, at most about `max_bytes` of them (but at least one).
    async fn inbox(
        &self,
        device: DeviceId,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<InboxItem>, StoreError>;

    /// The tree at an epoch that a waiting Welcome leads to.
    async fn tree(
        &self,
        room: RoomNumber,
        generation: Generation,
        epoch: u64,
    ) -> Result<Option<Bytes>, StoreError>;

    /// A device's key packages.
    async fn pool(&self, device: DeviceId) -> Result<PoolCount, StoreError>;

    /// Every revoked device.
    async fn revoked(&self) -> Result<Vec<DeviceId>, StoreError>;

    /// Rooms from which a removal is due.
    async fn rooms_with_removals(&self) -> Result<Vec<RoomId>, StoreError>;

    /// How far the directory's changes have been followed.
    async fn followed(&self) -> Result<Option<Followed>, StoreError>;

    /// The place that a handshake of that device and id got, for as long as it is remembered.
    async fn answered(&self, device: DeviceId, id: MessageId) -> Result<Option<Place>, StoreError>;

    /// Rooms with entries that nobody needs any more: all members have acknowledged them, or they are older than
    /// [`super::KEPT_UNDELIVERED`]; and rooms that have ended. At most that many rooms, and about as many old entries of
    /// each are looked at.
    async fn trimmable(&self, at_most: usize) -> Result<Vec<Trim>, StoreError> {
        let _ = at_most;
        Ok(Vec::new())
    }

    /// The time of the newest canary.
    async fn canary(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// How much it holds.
    async fn usage(&self) -> Result<Usage, StoreError>;

    /// When the oldest entry was sequenced that a member of its room has not acknowledged.
    async fn oldest_undelivered(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// Space on its volume.
    async fn disk(&self) -> Result<Disk, StoreError>;

    /// Writes a consistent copy into a directory while everything goes on; one at a time.
    async fn backup(&self, directory: PathBuf) -> Result<BackupDone, StoreError>;

    /// A restored store that waits for the next start.
    async fn pending_restore(&self) -> Result<Option<PendingRestore>, StoreError> {
        Ok(None)
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

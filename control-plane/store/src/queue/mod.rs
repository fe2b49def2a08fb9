//! The queue store: what the relay asks of it, what it answers, what it must guarantee. Engines: `store-log`.
//!
//! An engine takes operations in the order in which they are submitted, decides each by the rules of [`RoomMeta`],
//! and completes it only when it is durable. What it then says holds after loss of power.

#[cfg(feature = "conformance")]
pub mod conformance;
mod entry;
mod handshake;
mod limits;
#[cfg(feature = "conformance")]
pub mod model;
mod operation;
mod outcome;
mod port;
mod room;
mod time;

pub use entry::{Entry, EntryKind, InboxItem, Membership, Place};
pub use handshake::{At, Handshake, Next, Welcome};
pub use limits::{KEPT_UNDELIVERED, MAX_INBOX, MAX_POOL, MAX_ROOMS_PER_USER, REMEMBERED};
pub use operation::{
    Append, Change, CursorMove, DeviceRevision, Followed, Operation, PoolEntry, Publish, Trim,
};
pub use outcome::{Claimed, ClaimedPackage, Outcome, PoolCount, Refused, Sequenced, StoreError};
pub use port::{BackupDone, BatchReport, Completed, Disk, PendingRestore, QueueStore, Rejected, Sink, Usage};
pub use room::{Room, RoomMeta, RoomNumber};
pub use time::{LEAP, Now, STANDS, StoreTime};

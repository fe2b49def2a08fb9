//! A handshake as one atomic operation: creation, commit, proposal and next generation differ only in its fields.

use bytes::Bytes;
use wickr_base::{DeviceId, Generation, MemberUri, MessageId, RoomId, Seq, UserId};

use super::EntryKind;

/// What the room must be for the handshake to count: compare, then set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// There is no such room yet, and its owner has fewer than the allowed number.
    New {
        /// Who creates it.
        owner: UserId,
    },
    /// The room is exactly this.
    Current {
        /// Its generation.
        generation: Generation,
        /// Its epoch.
        epoch: u64,
        /// Its newest handshake.
        revision: Seq,
    },
}

/// What the room is afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The generation.
    pub generation: Generation,
    /// The epoch; for a proposal the same as before.
    pub epoch: u64,
    /// Whether a leaf was removed: messages of earlier epochs are shut out.
    pub removed_leaf: bool,
}

/// One Welcome for all joiners of a commit, and the tree that they need with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// MLSMessage(Welcome).
    pub message: Bytes,
    /// The ratchet tree of the epoch that it leads to.
    pub tree: Bytes,
    /// Whom it is for.
    pub recipients: Vec<DeviceId>,
}

/// Everything that one handshake changes; all of it becomes durable, or nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The room.
    pub room: RoomId,
    /// What it must be.
    pub at: At,
    /// What it becomes.
    pub next: Next,
    /// The device that submitted it; `None` for the hub itself.
    pub sender: Option<DeviceId>,
    /// The submission's id: with the same sender it gets the same answer for 30 days.
    pub id: MessageId,
    /// What the body is.
    pub kind: EntryKind,
    /// The entry's body.
    pub body: Bytes,
    /// The observer's state from here on; opaque to the store.
    pub state: Bytes,
    /// Leaves that were not in the room before; their log starts after this entry.
    pub joined: Vec<MemberUri>,
    /// Leaves that are not in it any more; this entry is the last that they get.
    pub left: Vec<MemberUri>,
    /// For those who are to join the group.
    pub welcome: Option<Welcome>,
}

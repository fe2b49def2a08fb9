//! What the client is doing now, as values for people and programs.

use serde::{Deserialize, Serialize};
use wickr_base::{Domain, Handle, MemberUri, RoomId, UnixMillis};

use super::core::Core;
use crate::Error;
use crate::store::{Membership, Notice, Room, Unsent};

/// How the device stands with the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Connection {
    /// No try has ended yet.
    Connecting,
    /// Connected; the stored log is still coming in.
    CatchingUp,
    /// Connected, everything taken in.
    Online,
    /// No connection; the next try follows.
    Offline {
        /// Why the last one failed or ended.
        why: String,
    },
    /// The session has ended or the device was revoked: only signing in again helps.
    SignedOut {
        /// Why.
        why: String,
    },
    /// This profile is a copy of an earlier time: signing in again makes it a new device.
    OldStore {
        /// The relay's words.
        why: String,
    },
}

/// One room at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomStatus {
    /// Its id.
    pub id: RoomId,
    /// What it is called.
    pub name: Option<String>,
    /// Whether this device is in it.
    pub membership: Membership,
    /// How many devices are in it, where this one is.
    pub devices: usize,
    /// How many people.
    pub people: usize,
    /// Why it can't be used now, if so.
    pub repair: Option<String>,
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The network.
    pub domain: Domain,
    /// Who.
    pub handle: Handle,
    /// The device.
    pub uri: MemberUri,
    /// Until when its certificate is valid.
    pub certificate_until: UnixMillis,
    /// Number of the network document.
    pub document: u64,
    /// The connection.
    pub connection: Connection,
    /// All rooms.
    pub rooms: Vec<RoomStatus>,
    /// Messages without acknowledgement.
    pub unsent: Vec<Unsent>,
    /// What happened unasked.
    pub notices: Vec<Notice>,
}

impl From<Room> for RoomStatus {
    fn from(room: Room) -> Self {
        let is_in = room.membership != Membership::Gone;
        Self {
            people: if is_in { room.users.len() } else { 0 },
            devices: if is_in { room.devices } else { 0 },
            id: room.id,
            name: room.name,
            membership: room.membership,
            repair: room.repair.map(|repair| repair.why),
        }
    }
}

impl Core {
    pub(super) fn rooms_at_a_glance(&self) -> Result<Vec<RoomStatus>, Error> {
        Ok(self.store.rooms()?.into_iter().map(RoomStatus::from).collect())
    }

    pub(super) fn status(&self) -> Result<Status, Error> {
        let standing = self.standing.read().clone();
        Ok(Status {
            domain: standing.account.domain.clone(),
            handle: standing.account.handle.clone(),
            uri: standing.account.uri(),
            certificate_until: standing.engine.identity().not_after(),
            document: standing.believed.document().number,
            connection: self.connection.borrow().state.clone(),
            rooms: self.rooms_at_a_glance()?,
            unsent: self.store.unsent()?,
            notices: self.store.notices()?,
        })
    }
}

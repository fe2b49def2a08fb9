//! What one command asks and what it is answered, as values: the same whether it owns the profile or goes through the owner.

use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Handle, MessageId};

use crate::failure::Failure;
use crate::show::Answer;

/// Something to be done with an open profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum Request {
    Whoami,
    Devices,
    Revoke { device: DeviceId },
    RoomCreate { name: String, wait_ms: u64 },
    RoomInvite { room: String, handle: Handle, wait_ms: u64 },
    RoomList,
    RoomMembers { room: String, wait_ms: u64 },
    RoomLeave { room: String, wait_ms: u64 },
    Send(Send),
    Read(Read),
    Status { wait_ms: u64 },
}

/// One message to send. The id comes from the asking side, so that asking twice sends once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Send {
    pub(crate) room: String,
    pub(crate) id: MessageId,
    pub(crate) text: String,
    pub(crate) expires_ms: Option<u64>,
    /// `None`: don't wait.
    pub(crate) wait_ms: Option<u64>,
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Read {
    pub(crate) room: Option<String>,
    pub(crate) follow: bool,
    pub(crate) new: bool,
    pub(crate) last: Option<usize>,
    pub(crate) limit: Option<usize>,
    pub(crate) offline: bool,
    pub(crate) wait_ms: u64,
    /// A message that was shown already, though it may not be noted.
    pub(crate) shown: Option<MessageId>,
}

impl Request {
    /// Whether it goes on until somebody ends it.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self, Self::Read(read) if read.follow)
    }
}

/// What the owner of the profile writes on the socket, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The request is read and is being dealt with; from here on it is not to be asked of anybody else.
    Accepted,
    /// Part of the answer.
    Answer(Answer),
    /// It came to nothing.
    Failed(Failure),
    /// That was all.
    Done,
    /// The owner ends: whoever is still interested goes on by itself.
    Handover,
}

/// What the asking side writes after its request: it has shown the answer before this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shown {
    Shown,
}

//! The answers of all commands. Their JSON is what `--json` prints, one object a line; times are RFC 3339 in UTC.

use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Domain, Handle, MemberUri, MessageId, RoomId, Seq, UnixMillis, UserId};
use wickr_sdk::Connection;
use wickr_sdk::store::{Membership, UnsentState};

/// One answer, or one line of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Whoami(WhoamiLine),
    Devices(Devices),
    Revoked(Revoked),
    RoomCreated(RoomCreated),
    Invited(InvitedLine),
    Rooms(Rooms),
    Members(Members),
    Left(Left),
    Sent(SentLine),
    Message(MessageLine),
    Status(Box<StatusLine>),
    /// For a person, beside the answer: on standard error.
    Note(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WhoamiLine {
    pub(crate) handle: Handle,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) domain: Domain,
    pub(crate) uri: MemberUri,
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) certificate_until: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Devices {
    pub(crate) devices: Vec<DeviceLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviceLine {
    pub(crate) device: DeviceId,
    pub(crate) this: bool,
    pub(crate) signed_in: bool,
    #[serde(with = "wickr_base::rfc3339::option")]
    pub(crate) created_at: Option<UnixMillis>,
    #[serde(with = "wickr_base::rfc3339::option")]
    pub(crate) revoked_at: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revoked {
    pub(crate) device: DeviceId,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoomCreated {
    pub(crate) room: RoomId,
    pub(crate) name: String,
    pub(crate) state: RoomState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RoomState {
    /// The relay has it.
    Made,
    /// It stands on this device; the relay is told of it.
    Kept,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InvitedLine {
    pub(crate) room: RoomId,
    pub(crate) user: UserId,
    pub(crate) handle: Handle,
    pub(crate) added: Vec<DeviceId>,
    pub(crate) without_key_package: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rooms {
    pub(crate) rooms: Vec<RoomLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoomLine {
    pub(crate) room: RoomId,
    pub(crate) name: Option<String>,
    pub(crate) membership: Membership,
    pub(crate) people: usize,
    pub(crate) devices: usize,
    pub(crate) repair: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Members {
    pub(crate) room: RoomId,
    pub(crate) members: Vec<MemberLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MemberLine {
    pub(crate) user: UserId,
    pub(crate) handle: Option<Handle>,
    pub(crate) devices: Vec<DeviceId>,
    pub(crate) leaving: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) room: RoomId,
    /// Another member's device has committed it already.
    pub(crate) done: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SentLine {
    pub(crate) room: RoomId,
    pub(crate) message: MessageId,
    pub(crate) seq: Option<Seq>,
    pub(crate) state: SentState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SentState {
    Acknowledged,
    Kept,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MessageLine {
    pub(crate) room: RoomId,
    pub(crate) room_name: Option<String>,
    pub(crate) seq: Seq,
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) time: UnixMillis,
    /// The handle where it is known, else the URI.
    pub(crate) sender: String,
    pub(crate) uri: MemberUri,
    pub(crate) mine: bool,
    pub(crate) text: String,
    pub(crate) message: MessageId,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusLine {
    pub(crate) handle: Handle,
    pub(crate) domain: Domain,
    pub(crate) uri: MemberUri,
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) certificate_until: UnixMillis,
    pub(crate) document: u64,
    pub(crate) connection: Connection,
    pub(crate) rooms: Vec<RoomLine>,
    pub(crate) unsent: Vec<UnsentLine>,
    pub(crate) notices: Vec<NoticeLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnsentLine {
    pub(crate) room: RoomId,
    pub(crate) message: MessageId,
    #[serde(flatten)]
    pub(crate) state: UnsentStateLine,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum UnsentStateLine {
    Waiting,
    Refused { code: String, detail: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NoticeLine {
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) at: UnixMillis,
    pub(crate) room: Option<RoomId>,
    pub(crate) seq: Option<Seq>,
    pub(crate) text: String,
}

impl From<UnsentState> for UnsentStateLine {
    fn from(state: UnsentState) -> Self {
        match state {
            UnsentState::Waiting => Self::Waiting,
            UnsentState::Refused { code, detail } => Self::Refused { code, detail },
        }
    }
}

impl Answer {
    /// What `--json` prints for it; nothing for a note.
    pub(crate) fn json(&self) -> Option<String> {
        let json = match self {
            Self::Whoami(line) => serde_json::to_string(line),
            Self::Devices(line) => serde_json::to_string(line),
            Self::Revoked(line) => serde_json::to_string(line),
            Self::RoomCreated(line) => serde_json::to_string(line),
            Self::Invited(line) => serde_json::to_string(line),
            Self::Rooms(line) => serde_json::to_string(line),
            Self::Members(line) => serde_json::to_string(line),
            Self::Left(line) => serde_json::to_string(line),
            Self::Sent(line) => serde_json::to_string(line),
            Self::Message(line) => serde_json::to_string(line),
            Self::Status(line) => serde_json::to_string(line),
            Self::Note(_) => return None,
        };
        json.ok()
    }
}

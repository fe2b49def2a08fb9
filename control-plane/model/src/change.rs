//! What relays must hear of, numbered: revoked devices and ended sessions. Served by sso's `/changes`.

use wickr_base::{DeviceId, UnixMillis, UserId};

use crate::SessionId;

/// What has happened to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// For ever: close its sockets, refuse its tokens, propose its removal in every room.
    DeviceRevoked,
    /// Until it signs in again: close its sockets and refuse the tokens of this session. It stays in its rooms.
    SessionEnded(SessionId),
}

impl ChangeKind {
    /// Its name, as it stands in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceRevoked => "DeviceRevoked",
            Self::SessionEnded(_) => "SessionEnded",
        }
    }

    /// The session it is about, if it is about one.
    pub fn session(self) -> Option<SessionId> {
        match self {
            Self::DeviceRevoked => None,
            Self::SessionEnded(session) => Some(session),
        }
    }

    /// Reads it back; `None` for one that this version doesn't know.
    pub fn parse(name: &str, session: Option<SessionId>) -> Option<Self> {
        match (name, session) {
            ("DeviceRevoked", None) => Some(Self::DeviceRevoked),
            ("SessionEnded", Some(session)) => Some(Self::SessionEnded(session)),
            _ => None,
        }
    }
}

/// One numbered change; numbers rise and are never used again within a store's incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// From 1.
    pub number: u64,
    /// What has happened.
    pub kind: ChangeKind,
    /// Whose device.
    pub user: UserId,
    /// To which device.
    pub device: DeviceId,
    /// When.
    pub at: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_reads_back_as_written() {
        for kind in [ChangeKind::DeviceRevoked, ChangeKind::SessionEnded(SessionId([7; 16]))] {
            assert_eq!(ChangeKind::parse(kind.name(), kind.session()), Some(kind));
        }
        assert_eq!(ChangeKind::parse("Else", None), None);
    }
}

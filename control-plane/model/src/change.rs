//! What relays must hear of, numbered: revoked devices and ended sessions. Served by sso's `/changes`.

use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Incarnation, UnixMillis, UserId};

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

/// The answer to `GET /changes?after=N&wait=SECONDS` on sso's admin port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesAnswer {
    /// The store's; after a restore it is another, and who follows starts over.
    pub incarnation: Incarnation,
    /// After the number asked for, in order; perhaps not all.
    pub changes: Vec<ChangeLine>,
    /// The newest number.
    pub head: u64,
}

/// A change as it is said, so that one of a later version can at least be noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeLine {
    /// Its number.
    pub number: u64,
    /// [`ChangeKind::name`].
    pub kind: String,
    /// Whose device, a UUID.
    #[serde(default)]
    pub user: String,
    /// Which device, a UUID.
    #[serde(default)]
    pub device: String,
    /// The session that ended, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When (RFC 3339).
    #[serde(with = "wickr_base::rfc3339")]
    pub at: UnixMillis,
}

/// A change that this version can't read. It may be a revocation, so whoever follows must not go on as if it were none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {number} of kind \"{kind}\" can't be read by this version; is sso newer than this?")]
pub struct UnreadChange {
    /// Its number.
    pub number: u64,
    /// Its kind, as far as a line of a log should hold it.
    pub kind: String,
}

impl From<&Change> for ChangeLine {
    fn from(change: &Change) -> Self {
        Self {
            number: change.number,
            kind: change.kind.name().to_owned(),
            user: change.user.to_string(),
            device: change.device.to_string(),
            session: change.kind.session().map(|session| session.to_string()),
            at: change.at,
        }
    }
}

impl ChangeLine {
    /// The change that it says.
    pub fn read(&self) -> Result<Change, UnreadChange> {
        self.parse()
            .ok_or_else(|| UnreadChange { number: self.number, kind: self.kind.chars().take(40).collect() })
    }

    fn parse(&self) -> Option<Change> {
        let session = self.session.as_deref().map(str::parse).transpose().ok()?;
        Some(Change {
            number: self.number,
            kind: ChangeKind::parse(&self.kind, session)?,
            user: self.user.parse().ok()?,
            device: self.device.parse().ok()?,
            at: self.at,
        })
    }
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

    fn change(kind: ChangeKind) -> Change {
        let (user, device) = (UserId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        Change { number: 3, kind, user, device, at: UnixMillis(1_717_200_000_000) }
    }

    #[test]
    fn what_sso_says_the_relay_reads() {
        for kind in [ChangeKind::DeviceRevoked, ChangeKind::SessionEnded(SessionId([7; 16]))] {
            let said = serde_json::to_string(&ChangeLine::from(&change(kind))).unwrap();
            let line: ChangeLine = serde_json::from_str(&said).unwrap();
            assert_eq!(line.read(), Ok(change(kind)), "{said}");
        }
    }

    #[test]
    fn the_words_on_the_wire_stay_as_they_are() {
        let line = ChangeLine::from(&change(ChangeKind::SessionEnded(SessionId([7; 16]))));
        let answer = ChangesAnswer { incarnation: Incarnation([0; 16]), changes: vec![line], head: 3 };
        let expected = r#"{"incarnation":"00000000000000000000000000000000","changes":[{"number":3,"kind":"SessionEnded","user":"01010101-0101-0101-0101-010101010101","device":"02020202-0202-0202-0202-020202020202","session":"07070707070707070707070707070707","at":"2024-06-01T00:00:00.000Z"}],"head":3}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
        assert_eq!(serde_json::from_str::<ChangesAnswer>(expected).unwrap(), answer);
    }

    #[test]
    fn a_change_of_a_later_version_is_noticed_by_number_and_kind() {
        let later = r#"{"number":9,"kind":"PersonBanned","person":"x","at":"2024-06-01T00:00:00Z"}"#;
        let unread = serde_json::from_str::<ChangeLine>(later).unwrap().read().unwrap_err();
        assert_eq!(unread, UnreadChange { number: 9, kind: "PersonBanned".to_owned() });
        let mut torn = ChangeLine::from(&change(ChangeKind::DeviceRevoked));
        torn.device = "not a device".to_owned();
        assert!(torn.read().is_err());
    }
}

//! Rooms and the MLS groups behind them: a stable room id, one live generation, the group id on the wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Domain, Rng};

/// A room: `hq.example/<UUIDv4>`, stable for its whole life. The domain is the hub that orders it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomId {
    hub: Domain,
    id: Uuid,
}

/// Counts the MLS groups that a room has had; a new one by `NextGeneration` (repair, restore).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);

/// The MLS `group_id`: room id + `/<generation>` as UTF-8 (RFC 9420 section 8.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    /// The room.
    pub room: RoomId,
    /// Which of its groups.
    pub generation: Generation,
}

/// Why a text is not a room or group id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not {what}")]
pub struct RoomError {
    given: String,
    what: &'static str,
}

impl RoomId {
    /// A new room ordered by `hub`.
    pub fn random(hub: Domain, rng: &dyn Rng) -> Self {
        Self { hub, id: crate::random::uuid_v4(rng) }
    }

    /// The network that orders it.
    pub fn hub(&self) -> &Domain {
        &self.hub
    }

    /// Its UUID within the hub.
    pub fn uuid(&self) -> Uuid {
        self.id
    }

    /// Its MLS group of that generation.
    #[must_use]
    pub fn group(&self, generation: Generation) -> GroupId {
        GroupId { room: self.clone(), generation }
    }
}

impl Generation {
    /// The one after this; saturates.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl GroupId {
    /// The bytes that stand as `group_id` in MLS.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// Reads a `group_id` back; only the canonical form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RoomError> {
        String::from_utf8_lossy(bytes).parse()
    }
}

impl FromStr for RoomId {
    type Err = RoomError;

    fn from_str(text: &str) -> Result<Self, RoomError> {
        let bad = || RoomError { given: text.chars().take(120).collect(), what: "a room id (DOMAIN/UUID)" };
        let (hub, id) = text.split_once('/').ok_or_else(bad)?;
        Ok(Self { hub: hub.parse().map_err(|_| bad())?, id: crate::random::parse_uuid(id).ok_or_else(bad)? })
    }
}

impl FromStr for GroupId {
    type Err = RoomError;

    fn from_str(text: &str) -> Result<Self, RoomError> {
        let bad = || RoomError {
            given: text.chars().take(120).collect(),
            what: "a group id (DOMAIN/UUID/GENERATION)",
        };
        let (room, generation) = text.rsplit_once('/').ok_or_else(bad)?;
        let number: u32 = generation.parse().map_err(|_| bad())?;
        if number.to_string() != generation {
            return Err(bad());
        }
        Ok(Self { room: room.parse().map_err(|_| bad())?, generation: Generation(number) })
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hub, self.id.hyphenated())
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.room, self.generation)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for RoomId {
    type Error = RoomError;
    fn try_from(text: String) -> Result<Self, RoomError> {
        text.parse()
    }
}

impl From<RoomId> for String {
    fn from(room: RoomId) -> Self {
        room.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRng;

    #[test]
    fn a_group_id_reads_back_and_only_in_its_canonical_form() {
        let room = RoomId::random("hq.example".parse().unwrap(), &SeededRng::new(3));
        let group = room.group(Generation(2));
        assert_eq!(GroupId::from_bytes(&group.to_bytes()).unwrap(), group);
        assert!(format!("{room}/02").parse::<GroupId>().is_err());
        assert!(format!("{room}/+2").parse::<GroupId>().is_err());
        assert!(room.to_string().parse::<GroupId>().is_err());
    }
}

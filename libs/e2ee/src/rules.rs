//! A room's rules: GroupContext extension 0xF001 (RFC 9420 sections 8.1, 13), and who may change them.
//! How they sit among the other extensions: `extensions`.

use wickr_base::{Domain, MemberUri, UserId};

use crate::codec::{Reader, write_vector};

/// The extension's type, from the range for private use (RFC 9420 section 17.3).
pub(crate) const EXTENSION_TYPE: u16 = 0xF001;

const VERSION: u8 = 1;
const MAX_MODERATORS: usize = 100;

/// What kind of room it is; decides who may join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RoomKind {
    /// Exactly two users.
    Direct,
    /// Any member adds and removes.
    Group,
    /// Moderators add and remove.
    Moderated,
}

/// A user who may change the rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moderator {
    /// Their network.
    pub domain: Domain,
    /// The person; all of their devices may.
    pub user: UserId,
}

/// The rules of a room, the same for everyone because they are part of the group's key schedule.
///
/// Encoding: `uint8 version = 1; uint8 kind; opaque hub<V>; { opaque domain<V>; opaque user[16] } moderators<V>`,
/// moderators ascending without repetition, so that equal rules are equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRules {
    /// What kind of room.
    pub kind: RoomKind,
    /// The network that orders it.
    pub hub: Domain,
    /// Who may change the moderators. Empty: nobody, the rules stand for the room's life.
    pub moderators: Vec<Moderator>,
}

/// Which rule a group or a change to it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleBreach {
    /// No extension 0xF001.
    #[error("the group has no room rules (GroupContext extension 0xF001)")]
    Absent,
    /// The extension can't be read, or not in its one form.
    #[error("the room rules can't be read, or are of another version than 1")]
    Unreadable,
    /// A kind that this network doesn't make.
    #[error("a room of kind {0:?} can't be made here; the kind must be Group")]
    Kind(RoomKind),
    /// Another hub than the network.
    #[error("the room names the hub \"{named}\", but is ordered by \"{expected}\"")]
    Hub {
        /// What the rules say.
        named: Domain,
        /// Who orders the room.
        expected: Domain,
    },
    /// More moderators than the limit.
    #[error("a room has at most {MAX_MODERATORS} moderators, these rules name {0}")]
    Moderators(usize),
    /// `required_capabilities` is not the one of this network's groups.
    #[error("required_capabilities must name exactly extension 0xF001 and credential x509")]
    RequiredCapabilities,
    /// `external_senders` is not exactly the hub.
    #[error("external_senders must be exactly the hub's certificate from the network document")]
    ExternalSenders,
    /// An extension that no rule knows.
    #[error("GroupContext extension {0:#06x} is not known here")]
    UnknownExtension(u16),
    /// Someone changed the rules who is not a moderator.
    #[error("\"{0}\" is not a moderator and may not change the room's rules")]
    NotAModerator(MemberUri),
    /// Kind or hub changed.
    #[error("a room's kind and hub never change; make a new room")]
    Fixed,
    /// A proposal type that has no place here.
    #[error("a {0} proposal has no place in a room")]
    Proposal(&'static str),
    /// A proposal by someone who may not make it.
    #[error("{0}")]
    Proposer(&'static str),
}

impl RoomRules {
    /// Rules of a group room in which nobody may change them.
    pub fn group(hub: Domain) -> Self {
        Self { kind: RoomKind::Group, hub, moderators: Vec::new() }
    }

    /// Whether a room of these rules may exist at `hub`.
    pub fn check(&self, hub: &Domain) -> Result<(), RuleBreach> {
        if self.hub != *hub {
            return Err(RuleBreach::Hub { named: self.hub.clone(), expected: hub.clone() });
        }
        if self.moderators.len() > MAX_MODERATORS {
            return Err(RuleBreach::Moderators(self.moderators.len()));
        }
        match self.kind {
            RoomKind::Group => Ok(()),
            kind @ (RoomKind::Direct | RoomKind::Moderated) => Err(RuleBreach::Kind(kind)),
        }
    }

    /// Whether `by` may replace these rules with `next`.
    pub(crate) fn check_change(&self, next: &Self, by: &MemberUri) -> Result<(), RuleBreach> {
        if self == next {
            return Ok(());
        }
        if self.kind != next.kind || self.hub != next.hub {
            return Err(RuleBreach::Fixed);
        }
        let allowed = by.device().is_some_and(|(user, _)| {
            self.moderators.iter().any(|moderator| moderator.user == user && moderator.domain == *by.domain())
        });
        if allowed { Ok(()) } else { Err(RuleBreach::NotAModerator(by.clone())) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            RoomKind::Direct => 1,
            RoomKind::Group => 2,
            RoomKind::Moderated => 3,
        };
        let mut moderators: Vec<&Moderator> = self.moderators.iter().collect();
        moderators.sort();
        moderators.dedup();
        let mut list = Vec::with_capacity(moderators.len() * 32);
        for moderator in moderators {
            write_vector(&mut list, moderator.domain.as_str().as_bytes());
            list.extend_from_slice(moderator.user.as_bytes());
        }
        let mut out = vec![VERSION, kind];
        write_vector(&mut out, self.hub.as_str().as_bytes());
        write_vector(&mut out, &list);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RuleBreach> {
        let rules = Self::read(bytes).ok_or(RuleBreach::Unreadable)?;
        if rules.encode() == bytes { Ok(rules) } else { Err(RuleBreach::Unreadable) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (VERSION, kind) = (reader.u8()?, reader.u8()?) else { return None };
        let kind = match kind {
            1 => RoomKind::Direct,
            2 => RoomKind::Group,
            3 => RoomKind::Moderated,
            _ => return None,
        };
        let domain = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<Domain>().ok();
        let hub = domain(reader.vector()?)?;
        let mut list = Reader::new(reader.vector()?);
        let mut moderators = Vec::new();
        while !list.is_empty() {
            let domain = domain(list.vector()?)?;
            let user = UserId::from_bytes(list.take(16)?.try_into().ok()?);
            moderators.push(Moderator { domain, user });
        }
        reader.is_empty().then_some(Self { kind, hub, moderators })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wickr_base::SeededRng;

    fn hub() -> Domain {
        "hq.example".parse().unwrap()
    }

    fn moderator(seed: u64) -> Moderator {
        Moderator { domain: hub(), user: UserId::random(&SeededRng::new(seed)) }
    }

    proptest! {
        #[test]
        fn rules_read_back_and_no_other_bytes_mean_the_same(seeds in prop::collection::btree_set(0_u64..9, 0..5), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut moderators: Vec<_> = seeds.into_iter().map(moderator).collect();
            moderators.sort();
            let rules = RoomRules { kind: RoomKind::Group, hub: hub(), moderators };
            let mut bytes = rules.encode();
            prop_assert_eq!(RoomRules::decode(&bytes).unwrap(), rules.clone());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_ne!(RoomRules::decode(&bytes).ok(), Some(rules));
        }
    }

    #[test]
    fn only_kind_group_may_be_made_although_the_encoding_knows_all() {
        for kind in [RoomKind::Direct, RoomKind::Moderated] {
            let rules = RoomRules { kind, ..RoomRules::group(hub()) };
            assert_eq!(RoomRules::decode(&rules.encode()).unwrap(), rules);
            assert_eq!(rules.check(&hub()), Err(RuleBreach::Kind(kind)));
        }
        assert_eq!(RoomRules::group(hub()).check(&hub()), Ok(()));
    }

    #[test]
    fn a_room_of_another_hub_is_refused() {
        let other = "b.example".parse().unwrap();
        assert!(matches!(RoomRules::group(other).check(&hub()), Err(RuleBreach::Hub { .. })));
    }

    #[test]
    fn moderators_out_of_order_or_twice_are_not_the_canonical_form() {
        let (a, b) = (moderator(1), moderator(2));
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        let good = RoomRules { moderators: vec![low.clone(), high.clone()], ..RoomRules::group(hub()) };
        let entry = 1 + hub().as_str().len() + 16;
        let bytes = good.encode();
        let (head, list) = bytes.split_at(bytes.len() - 2 * entry);
        let swapped = [head, &list[entry..], &list[..entry]].concat();
        assert!(RoomRules::decode(&bytes).is_ok());
        assert_eq!(RoomRules::decode(&swapped), Err(RuleBreach::Unreadable));
        let twice = [head, &list[..entry], &list[..entry]].concat();
        assert_eq!(RoomRules::decode(&twice), Err(RuleBreach::Unreadable));
    }

    #[test]
    fn a_moderator_changes_moderators_and_nothing_else() {
        let chair = moderator(1);
        let rules = RoomRules { moderators: vec![chair.clone()], ..RoomRules::group(hub()) };
        let device = |user| MemberUri::Device {
            domain: hub(),
            user,
            device: wickr_base::DeviceId::random(&SeededRng::new(7)),
        };
        let more = RoomRules { moderators: vec![chair.clone(), moderator(2)], ..rules.clone() };
        assert_eq!(rules.check_change(&more, &device(chair.user)), Ok(()));
        assert!(matches!(
            rules.check_change(&more, &device(moderator(2).user)),
            Err(RuleBreach::NotAModerator(_))
        ));
        let kind = RoomRules { kind: RoomKind::Moderated, ..rules.clone() };
        assert_eq!(rules.check_change(&kind, &device(chair.user)), Err(RuleBreach::Fixed));
    }
}

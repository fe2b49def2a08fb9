//! When a document may take another's place, and when a new one must be signed (its content: `document`).

use std::fmt;

use wickr_base::{Domain, UnixMillis};

use crate::NetworkDocument;

/// Why a document may not take the place of the one in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is another network's.
    #[error("the document is of \"{candidate}\", this network is \"{current}\"")]
    OtherDomain {
        /// The network of the one in force.
        current: Domain,
        /// The network of the one offered.
        candidate: Domain,
    },
    /// It is older than the one in force.
    #[error("the document has number {candidate}; number {current} is in force")]
    Older {
        /// The number in force.
        current: u64,
        /// The number offered.
        candidate: u64,
    },
    /// Its number is so far ahead that nothing could follow it for long.
    #[error(
        "the document has number {candidate}; after number {current} at most {MOST_AHEAD} more is believed"
    )]
    Leap {
        /// The number in force, 0 where there is none.
        current: u64,
        /// The number offered.
        candidate: u64,
    },
    /// It has the number of the one in force and says something else.
    #[error("another document with number {0} is in force; sign a new one with a higher number")]
    Conflicting(u64),
}

/// How far the number may grow at once: more than a document a second would in a hundred years. Whoever got hold of the
/// document key once can't use all numbers up, so the network goes on above theirs.
const MOST_AHEAD: u64 = 1 << 32;

/// How high a first document's number may be: many such leaps, and far from the end.
const MOST_AT_FIRST: u64 = 1 << 48;

/// Why a new document must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningReason {
    /// There is none.
    First,
    /// It would say something else.
    Changed,
    /// A third or less of its life is left.
    Ageing,
}

/// Whether the two differ in more than number and times.
pub fn payload_changed(old: &NetworkDocument, new: &NetworkDocument) -> bool {
    let same_frame = NetworkDocument {
        number: old.number,
        issued_at: old.issued_at,
        expires_at: old.expires_at,
        ..new.clone()
    };
    same_frame != *old
}

/// Whether `candidate` may take the place of `current`; the same document again may.
pub fn may_replace(current: Option<&NetworkDocument>, candidate: &NetworkDocument) -> Result<(), Refusal> {
    let Some(current) = current else {
        let leaps = candidate.number > MOST_AT_FIRST;
        let leap = Refusal::Leap { current: 0, candidate: candidate.number };
        return if leaps { Err(leap) } else { Ok(()) };
    };
    if current.domain != candidate.domain {
        return Err(Refusal::OtherDomain {
            current: current.domain.clone(),
            candidate: candidate.domain.clone(),
        });
    }
    if candidate.number < current.number {
        return Err(Refusal::Older { current: current.number, candidate: candidate.number });
    }
    if candidate.number - current.number > MOST_AHEAD {
        return Err(Refusal::Leap { current: current.number, candidate: candidate.number });
    }
    if candidate.number == current.number && candidate != current {
        return Err(Refusal::Conflicting(current.number));
    }
    Ok(())
}

/// Whether a document saying what `wanted` says must be signed at `now`; `wanted`'s number and times don't count.
pub fn due_for_signing(
    current: Option<&NetworkDocument>,
    wanted: &NetworkDocument,
    now: UnixMillis,
) -> Option<SigningReason> {
    let Some(current) = current else { return Some(SigningReason::First) };
    if payload_changed(current, wanted) {
        return Some(SigningReason::Changed);
    }
    let life = current.expires_at.since(current.issued_at);
    (current.expires_at.since(now) <= life / 3).then_some(SigningReason::Ageing)
}

impl fmt::Display for SigningReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "there is no document yet",
            Self::Changed => "what it says has changed",
            Self::Ageing => "a third or less of its life is left",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Der;
    use crate::document::sample;

    #[test]
    fn no_document_uses_all_numbers_up() {
        let current = sample();
        let with = |number| NetworkDocument { number, ..sample() };
        assert_eq!(may_replace(Some(&current), &with(4 + MOST_AHEAD)), Ok(()));
        let leap = Refusal::Leap { current: 4, candidate: 5 + MOST_AHEAD };
        assert_eq!(may_replace(Some(&current), &with(5 + MOST_AHEAD)), Err(leap));
        assert_eq!(may_replace(None, &with(1 << 48)), Ok(()));
        assert!(matches!(may_replace(None, &with(u64::MAX)), Err(Refusal::Leap { current: 0, .. })));
    }

    #[test]
    fn number_and_times_are_not_part_of_the_payload() {
        let mut later = sample();
        later.number += 1;
        later.issued_at = UnixMillis(2_000_000);
        later.expires_at = UnixMillis(9_000_000);
        assert!(!payload_changed(&sample(), &later));
        later.hub_certificate = Der::new([6]);
        assert!(payload_changed(&sample(), &later));
    }

    #[test]
    fn an_older_a_foreign_and_a_conflicting_document_are_refused() {
        let current = sample();
        assert_eq!(may_replace(None, &current), Ok(()));
        assert_eq!(may_replace(Some(&current), &current), Ok(()));
        let mut other = sample();
        other.number = 3;
        assert_eq!(may_replace(Some(&current), &other), Err(Refusal::Older { current: 4, candidate: 3 }));
        other.number = 4;
        other.hub_certificate = Der::new([6]);
        assert_eq!(may_replace(Some(&current), &other), Err(Refusal::Conflicting(4)));
        other.number = 5;
        assert_eq!(may_replace(Some(&current), &other), Ok(()));
        other.domain = "field.example".parse().unwrap();
        assert!(matches!(may_replace(Some(&current), &other), Err(Refusal::OtherDomain { .. })));
    }

    #[test]
    fn a_document_is_signed_first_then_on_change_then_when_a_third_of_its_life_is_left() {
        let current = sample();
        let mut wanted = sample();
        wanted.number = 77;
        let at = UnixMillis;
        assert_eq!(due_for_signing(None, &wanted, at(0)), Some(SigningReason::First));
        assert_eq!(due_for_signing(Some(&current), &wanted, at(2_999_999)), None);
        assert_eq!(due_for_signing(Some(&current), &wanted, at(3_000_000)), Some(SigningReason::Ageing));
        assert_eq!(due_for_signing(Some(&current), &wanted, at(9_000_000)), Some(SigningReason::Ageing));
        wanted.hub_certificate = Der::new([6]);
        assert_eq!(due_for_signing(Some(&current), &wanted, at(0)), Some(SigningReason::Changed));
    }
}

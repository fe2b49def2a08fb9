//! What was acknowledged against what somebody was given: each message once, and each sender's in the order of sending.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use wickr_base::{MemberUri, MessageId, Seq};
use wickr_sdk::store::Message;

/// One message, as its sender's acknowledgement or a reader's device has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who sent it.
    pub sender: MemberUri,
    /// The sender's id for it.
    pub id: MessageId,
    /// Its place in the room's log.
    pub seq: Seq,
    /// What it says.
    pub text: String,
}

/// The first thing that is wrong with what a reader was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Acknowledged, and never given.
    #[error("missing: {0}")]
    Missing(Line),
    /// Given more than once.
    #[error("given twice: {0}")]
    Twice(Line),
    /// Not as the acknowledgement said, or never acknowledged.
    #[error("not what was acknowledged: {0}")]
    Other(Line),
    /// Given after a later message of the same sender.
    #[error("out of order: {given} was given where {wanted} was to come")]
    Order {
        /// What came.
        given: Box<Line>,
        /// What should have come.
        wanted: Box<Line>,
    },
}

impl From<Message> for Line {
    fn from(message: Message) -> Self {
        let Message { sender, id, seq, text, .. } = message;
        Self { sender, id, seq, text }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" of {} at seq {}", self.text, self.sender, self.seq)
    }
}

/// Compares. `acknowledged` has each sender's messages in the order of sending, `given` all in the order of arrival.
pub fn compare(acknowledged: &[Line], given: &[Line]) -> Result<(), Difference> {
    let known: HashMap<MessageId, &Line> = acknowledged.iter().map(|line| (line.id, line)).collect();
    let mut seen = HashSet::new();
    for line in given {
        if !seen.insert(line.id) {
            return Err(Difference::Twice(line.clone()));
        }
        if known.get(&line.id) != Some(&line) {
            return Err(Difference::Other(line.clone()));
        }
    }
    if let Some(missing) = acknowledged.iter().find(|line| !seen.contains(&line.id)) {
        return Err(Difference::Missing(missing.clone()));
    }
    let mut wanted: HashMap<&MemberUri, VecDeque<&Line>> = HashMap::new();
    for line in acknowledged {
        wanted.entry(&line.sender).or_default().push_back(line);
    }
    for line in given {
        let next = wanted.get_mut(&line.sender).and_then(VecDeque::pop_front);
        if let Some(next) = next.filter(|next| *next != line) {
            return Err(Difference::Order { given: Box::new(line.clone()), wanted: Box::new(next.clone()) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{DeviceId, SeededRng, UserId};

    fn lines() -> Vec<Line> {
        let device = |number| {
            let rng = SeededRng::new(number);
            let domain = "hq.example".parse().unwrap();
            MemberUri::Device { domain, user: UserId::random(&rng), device: DeviceId::random(&rng) }
        };
        let line = |number: u64| Line {
            sender: device(number % 2),
            id: MessageId::random(&SeededRng::new(100 + number)),
            seq: Seq(number),
            text: number.to_string(),
        };
        (0..6).map(line).collect()
    }

    #[test]
    fn another_order_of_arrival_between_senders_is_nothing_wrong() {
        let acknowledged = lines();
        let mut given = acknowledged.clone();
        given.swap(2, 3);
        assert_eq!(compare(&acknowledged, &given), Ok(()));
    }

    #[test]
    fn one_message_that_was_dropped_is_missing() {
        let acknowledged = lines();
        for gone in 0..acknowledged.len() {
            let mut given = acknowledged.clone();
            let dropped = given.remove(gone);
            assert_eq!(compare(&acknowledged, &given), Err(Difference::Missing(dropped)));
        }
    }

    #[test]
    fn one_message_that_came_again_was_given_twice() {
        let acknowledged = lines();
        let mut given = acknowledged.clone();
        given.push(given[1].clone());
        assert_eq!(compare(&acknowledged, &given), Err(Difference::Twice(acknowledged[1].clone())));
    }

    #[test]
    fn two_messages_of_one_sender_that_changed_places_are_out_of_order() {
        let acknowledged = lines();
        let mut given = acknowledged.clone();
        given.swap(2, 4);
        assert!(matches!(compare(&acknowledged, &given), Err(Difference::Order { .. })));
    }

    #[test]
    fn a_message_at_another_place_or_with_other_words_is_not_what_was_acknowledged() {
        let acknowledged = lines();
        let mut moved = acknowledged.clone();
        moved[3].seq = Seq(99);
        assert_eq!(compare(&acknowledged, &moved), Err(Difference::Other(moved[3].clone())));
        let mut changed = acknowledged.clone();
        changed[3].text.push('!');
        assert_eq!(compare(&acknowledged, &changed), Err(Difference::Other(changed[3].clone())));
    }
}

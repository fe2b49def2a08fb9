//! What to do about the lease now: a function of what was seen of it, what this process did, and a clock that never
//! goes back. No time that stands in a lease is read, so a wall clock that is off changes nothing (carried out by
//! `keeper`).

use std::time::Duration;

/// How long a lease must stand unchanged before eyes other than its holder's before another takes it.
pub const TERM: Duration = Duration::from_secs(10);
/// How long its holder may write after it *began to send* the request that took or renewed it: others begin to count
/// after that, so three seconds lie between its last write and another's first.
pub const WRITES: Duration = Duration::from_secs(7);
/// How often the holder renews.
pub const RENEW: Duration = Duration::from_secs(2);
/// How often others look: how late they may be to see that it was given back, or that it ran out.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long the API server may take to answer about it.
pub(super) const ANSWER: Duration = Duration::from_secs(3);

/// The longest term of another that is waited for: what is longer was not written by an operator.
const LONGEST: Duration = Duration::from_mins(1);

// One renewal may fail by silence and the next still come in time.
const _: () = assert!(RENEW.as_millis() + ANSWER.as_millis() < WRITES.as_millis());
const _: () = assert!(WRITES.as_millis() + 3000 <= TERM.as_millis());

/// A lease as the API server has it, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Moves with every change of it.
    pub version: String,
    /// Who holds it; nobody when it was given back.
    pub holder: Option<String>,
    /// How long its holder asks others to wait.
    pub term: Option<Duration>,
}

/// What this process knows by itself, in times of its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What was seen last, a lease's version or that there is none, and since when it has stood so.
    sight: Option<(Option<String>, Duration)>,
    /// Whether there ever was one.
    met: bool,
    /// When the request was begun by which we hold it.
    sent: Option<Duration>,
}

impl Memory {
    /// Takes in an answer that came at `now`. Time counts from the answer, not from the question: the change lies before
    /// it.
    pub fn saw(&mut self, seen: Option<&Seen>, now: Duration) {
        let version = seen.map(|seen| seen.version.clone());
        self.met |= version.is_some();
        if self.sight.as_ref().is_none_or(|(before, _)| *before != version) {
            self.sight = Some((version, now));
        }
    }

    /// Takes in that a request which was begun at `sent` took or renewed it, and left `seen`.
    pub fn held(&mut self, seen: &Seen, sent: Duration) {
        self.saw(Some(seen), sent);
        self.sent = Some(sent);
    }

    /// Takes in that it is unknown what became of a request, or that it changed nothing.
    pub fn unsure(&mut self) {
        self.sent = None;
    }

    /// Whether it is ours as far as we know, so that nobody need be asked before it is renewed.
    pub fn is_sure(&self) -> bool {
        self.sent.is_some()
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is none: make it, which only one can.
    Create,
    /// It is free, or its holder is silent: take it, if it still stands as it was seen.
    Take,
    /// It is ours: renew it, if it still stands as it was seen.
    Renew,
    /// Nothing yet; look again after this time at the latest.
    Wait(Duration),
}

/// What `me` does about the lease that was `seen` last, at `now` of its own clock.
pub fn decide(me: &str, seen: Option<&Seen>, memory: &Memory, now: Duration) -> Step {
    let since = memory.sight.as_ref().map_or(now, |(_, since)| *since);
    let Some(seen) = seen else {
        // Where there never was one it is made at once. One that was deleted had a holder, who may still write.
        return if memory.met { after(since + TERM, now, Step::Create) } else { Step::Create };
    };
    let Some(holder) = &seen.holder else { return Step::Take };
    if holder == me {
        return match memory.sent.map(|sent| (sent + RENEW).saturating_sub(now)) {
            Some(left) if !left.is_zero() => Step::Wait(left),
            Some(_) | None => Step::Renew,
        };
    }
    let term = seen.term.unwrap_or(TERM).clamp(TERM, LONGEST);
    after(since + term, now, Step::Take)
}

/// `then` from `at` on, and another look until then.
fn after(at: Duration, now: Duration, then: Step) -> Step {
    match at.saturating_sub(now) {
        Duration::ZERO => then,
        left => Step::Wait(left.min(LOOK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "a";

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn lease(version: u32, holder: &str) -> Seen {
        let holder = Some(holder.to_owned()).filter(|holder| !holder.is_empty());
        Seen { version: version.to_string(), holder, term: Some(TERM) }
    }

    /// What was seen and when, in order; then what is decided at each of these times.
    fn decided(seen: &[(u64, Option<Seen>)], times: &[u64]) -> Vec<Step> {
        let mut memory = Memory::default();
        for (when, seen) in seen {
            memory.saw(seen.as_ref(), at(*when));
        }
        let last = seen.last().and_then(|(_, seen)| seen.as_ref());
        times.iter().map(|now| decide(ME, last, &memory, at(*now))).collect()
    }

    #[test]
    fn a_cluster_without_a_lease_gets_one_at_once() {
        assert_eq!(decided(&[(5, None)], &[5]), [Step::Create]);
    }

    #[test]
    fn a_lease_that_was_deleted_is_made_anew_only_when_its_holder_must_have_stopped() {
        let gone = [(0, Some(lease(1, "b"))), (5000, None)];
        let wait = Step::Wait(LOOK);
        assert_eq!(
            decided(&gone, &[5000, 14_000, 14_999, 15_000]),
            [wait, wait, Step::Wait(at(1)), Step::Create]
        );
    }

    #[test]
    fn a_lease_that_was_given_back_is_taken_at_once() {
        assert_eq!(decided(&[(0, Some(lease(1, "b"))), (9, Some(lease(2, "")))], &[9]), [Step::Take]);
    }

    #[test]
    fn a_silent_holder_is_waited_for_from_our_own_last_sight_of_a_change() {
        let seen = [(0, Some(lease(1, "b"))), (4000, Some(lease(2, "b"))), (8000, Some(lease(2, "b")))];
        let wait = Step::Wait(LOOK);
        assert_eq!(
            decided(&seen, &[8000, 13_000, 13_400, 14_000, 99_000]),
            [wait, wait, Step::Wait(at(600)), Step::Take, Step::Take]
        );
    }

    #[test]
    fn a_first_look_waits_a_whole_term_however_old_the_lease_may_be() {
        assert_eq!(
            decided(&[(7000, Some(lease(1, "b")))], &[16_999, 17_000]),
            [Step::Wait(at(1)), Step::Take]
        );
    }

    #[test]
    fn a_longer_term_is_respected_up_to_a_minute_and_a_shorter_one_is_not() {
        for (seconds, waited) in [(1, 10), (30, 30), (86_400, 60)] {
            let seen = Seen { term: Some(Duration::from_secs(seconds)), ..lease(1, "b") };
            let seen = [(0, Some(seen))];
            assert_eq!(decided(&seen, &[waited * 1000 - 1, waited * 1000]), [Step::Wait(at(1)), Step::Take]);
        }
    }

    #[test]
    fn the_holder_renews_every_two_seconds_and_at_once_when_it_is_unsure() {
        let (mut memory, mine) = (Memory::default(), lease(1, ME));
        memory.held(&mine, at(1000));
        assert_eq!(decide(ME, Some(&mine), &memory, at(1500)), Step::Wait(at(1500)));
        assert_eq!(decide(ME, Some(&mine), &memory, at(3000)), Step::Renew);
        memory.unsure();
        assert!(!memory.is_sure());
        assert_eq!(decide(ME, Some(&mine), &memory, at(1500)), Step::Renew);
    }

    #[test]
    fn a_holder_that_slept_through_its_term_asks_by_its_renewal_whether_it_still_is_one() {
        let (mut memory, mine) = (Memory::default(), lease(1, ME));
        memory.held(&mine, at(0));
        assert_eq!(decide(ME, Some(&mine), &memory, at(3_600_000)), Step::Renew);
    }
}

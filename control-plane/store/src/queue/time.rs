//! The store's time: it follows the machine's clock, never goes back, and does not believe a sudden leap forward.
//!
//! What is expired is hidden at once and removed for good, so a clock that leaps a day ahead by mistake would take
//! a day of everybody's messages with it, and since this time never goes back it would stay a day ahead. Between two
//! readings the monotonic clock says how much can have passed: a wall clock that runs more than [`LEAP`] ahead of that
//! is believed only when it has stood for [`STANDS`]; until then time goes on at the monotonic pace. After opening
//! there is nothing to compare with: time follows the clock, but nothing is removed until that has stood as long.

use std::time::Duration;

use wickr_base::{Clock, UnixMillis};

/// How far the clock may run ahead of what can have passed before it is doubted.
pub const LEAP: Duration = Duration::from_mins(5);

/// How long a doubted clock must stand, by the monotonic clock, before it is believed.
pub const STANDS: Duration = Duration::from_mins(10);

/// Time at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The store's time, which orders entries and hides what has expired.
    pub time: UnixMillis,
    /// Up to where what has expired may be removed for good: the clock itself, as far as it is believed.
    pub settled: Option<UnixMillis>,
}

/// Follows a clock; pure but for the readings that it is given.
#[derive(Debug)]
pub struct StoreTime {
    /// The highest time ever given.
    given: UnixMillis,
    /// Wall clock and monotonic clock at the last reading that was believed.
    believed: (UnixMillis, Duration),
    /// How far the clock runs ahead, and since when (monotonic).
    doubted: Option<Doubted>,
    /// Since when the clock stands that was found at the opening; `None` when that is long enough.
    found: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Doubted {
    ahead: Duration,
    since: Duration,
}

impl StoreTime {
    /// Begins at a clock; `given` is the highest time that the store gave before.
    pub fn begin(given: UnixMillis, clock: &dyn Clock) -> Self {
        let (wall, elapsed) = (clock.now(), clock.elapsed());
        Self { given: given.max(wall), believed: (wall, elapsed), doubted: None, found: Some(elapsed) }
    }

    /// Time now.
    pub fn read(&mut self, clock: &dyn Clock) -> Now {
        self.look(clock.now(), clock.elapsed());
        let (wall, at) = self.believed;
        let wall = wall.plus(clock.elapsed().saturating_sub(at));
        self.given = self.given.max(wall);
        Now { time: self.given, settled: self.found.is_none().then_some(wall) }
    }

    fn look(&mut self, wall: UnixMillis, elapsed: Duration) {
        if self.found.is_some_and(|since| elapsed.saturating_sub(since) >= STANDS) {
            self.found = None;
        }
        let expected = self.believed.0.plus(elapsed.saturating_sub(self.believed.1));
        let ahead = wall.since(expected);
        if ahead <= LEAP {
            (self.believed, self.doubted) = ((wall, elapsed), None);
            return;
        }
        let same = |doubted: &Doubted| doubted.ahead.abs_diff(ahead) <= LEAP;
        let doubted = *self.doubted.get_or_insert(Doubted { ahead, since: elapsed });
        if !same(&doubted) {
            self.doubted = Some(Doubted { ahead, since: elapsed });
        } else if elapsed.saturating_sub(doubted.since) >= STANDS {
            (self.believed, self.doubted) = ((wall, elapsed), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::ManualClock;

    const START: UnixMillis = UnixMillis(1_700_000_000_000);
    const DAY: Duration = Duration::from_hours(24);
    const MINUTE: Duration = Duration::from_mins(1);

    fn begin() -> (ManualClock, StoreTime) {
        let clock = ManualClock::at(START);
        let mut time = StoreTime::begin(UnixMillis(0), &clock);
        clock.advance(STANDS);
        time.read(&clock);
        (clock, time)
    }

    #[test]
    fn a_clock_that_leaps_ahead_and_comes_back_leaves_no_trace() {
        let (clock, mut time) = begin();
        let before = clock.now();
        clock.set(before.plus(DAY));
        let leapt = time.read(&clock);
        assert_eq!((leapt.time, leapt.settled), (before, Some(before)));
        clock.advance(MINUTE);
        assert_eq!(time.read(&clock).time, before.plus(MINUTE), "time goes on at the monotonic pace");
        clock.set(before.plus(MINUTE));
        clock.advance(MINUTE);
        assert_eq!(time.read(&clock).time, before.plus(MINUTE * 2));
    }

    #[test]
    fn a_leap_that_stands_is_believed() {
        let (clock, mut time) = begin();
        clock.set(clock.now().plus(DAY));
        time.read(&clock);
        clock.advance(STANDS.checked_sub(MINUTE).unwrap());
        assert!(time.read(&clock).time < clock.now());
        clock.advance(MINUTE);
        let now = time.read(&clock);
        assert_eq!((now.time, now.settled), (clock.now(), Some(clock.now())));
    }

    #[test]
    fn another_leap_has_to_stand_anew() {
        let (clock, mut time) = begin();
        clock.set(clock.now().plus(DAY));
        time.read(&clock);
        clock.advance(STANDS.checked_sub(MINUTE).unwrap());
        clock.set(clock.now().plus(DAY));
        time.read(&clock);
        clock.advance(MINUTE * 2);
        assert!(time.read(&clock).time.plus(DAY) < clock.now());
        clock.advance(STANDS);
        assert_eq!(time.read(&clock).time, clock.now());
    }

    #[test]
    fn small_corrections_are_followed_and_time_never_goes_back() {
        let (clock, mut time) = begin();
        let before = clock.now();
        clock.set(before.plus(LEAP));
        assert_eq!(time.read(&clock).time, before.plus(LEAP));
        clock.set(before);
        assert_eq!(time.read(&clock).time, before.plus(LEAP));
        clock.advance(LEAP + MINUTE);
        assert_eq!(time.read(&clock).time, before.plus(LEAP + MINUTE));
    }

    #[test]
    fn hours_without_a_reading_are_no_leap() {
        let (clock, mut time) = begin();
        clock.advance(DAY);
        assert_eq!(time.read(&clock).time, clock.now());
    }

    #[test]
    fn a_time_that_a_wrong_clock_left_behind_removes_nothing() {
        let clock = ManualClock::at(START);
        let mut time = StoreTime::begin(START.plus(DAY), &clock);
        clock.advance(STANDS);
        let now = time.read(&clock);
        assert_eq!((now.time, now.settled), (START.plus(DAY), Some(START.plus(STANDS))));
    }

    #[test]
    fn nothing_is_settled_until_the_clock_found_at_the_opening_has_stood() {
        let clock = ManualClock::at(START.plus(DAY));
        let mut time = StoreTime::begin(START, &clock);
        let now = time.read(&clock);
        assert_eq!((now.time, now.settled), (clock.now(), None));
        clock.advance(STANDS);
        assert_eq!(time.read(&clock).settled, Some(clock.now()));
    }
}

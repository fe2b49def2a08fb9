//! Time as a parameter: wall-clock in Unix milliseconds, and a monotonic reading for durations.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, the form of every time on wire and disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This instant moved by `by`; saturates at the ends of `i64`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This instant moved back by `by`; saturates at the ends of `i64`.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since the epoch, rounded down (JWT `NumericDate`, X.509 time).
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The instant `seconds` after the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

/// RFC 3339 in UTC with milliseconds, the form of every time in JSON.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// Where time comes from. `now` may step when the machine's clock is set; `elapsed` never goes back.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time.
    fn now(&self) -> UnixMillis;
    /// Monotonic time since an arbitrary start, for measuring and for leases.
    fn elapsed(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic reading at zero.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves only when told to; wall-clock and monotonic move together.
#[derive(Debug)]
pub struct ManualClock {
    start: i64,
    now: AtomicI64,
    elapsed: AtomicI64,
}

impl ManualClock {
    /// Stands still at `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self { start: now.0, now: AtomicI64::new(now.0), elapsed: AtomicI64::new(0) }
    }

    /// Lets `by` pass on both readings.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(by, Ordering::SeqCst);
        self.elapsed.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or a bad time server would.
    pub fn set(&self, now: UnixMillis) {
        self.now.store(now.0, Ordering::SeqCst);
    }

    /// The instant it was created at.
    pub fn started(&self) -> UnixMillis {
        UnixMillis(self.start)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.elapsed.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_rfc_3339_with_milliseconds() {
        assert_eq!(UnixMillis(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn setting_the_wall_clock_back_leaves_elapsed_alone() {
        let clock = ManualClock::at(UnixMillis(10_000));
        clock.advance(Duration::from_secs(5));
        clock.set(UnixMillis(0));
        assert_eq!((clock.now(), clock.elapsed()), (UnixMillis(0), Duration::from_secs(5)));
    }
}

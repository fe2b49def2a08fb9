//! A clock that goes with the test runtime's own time, so that a paused test moves both; its wall clock may be off.

use std::time::Duration;

use tokio::time::Instant;
use wickr_base::{Clock, UnixMillis};

/// Monotonic by tokio's time.
#[derive(Debug)]
pub struct RuntimeClock {
    start: Instant,
    begun: UnixMillis,
    stands: bool,
}

impl RuntimeClock {
    /// Whose wall clock says `begun` now.
    pub fn at(begun: UnixMillis) -> Self {
        Self { start: Instant::now(), begun, stands: false }
    }

    /// Whose wall clock stands still at `begun`.
    pub fn with_a_dead_wall_clock(begun: UnixMillis) -> Self {
        Self { stands: true, ..Self::at(begun) }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> UnixMillis {
        if self.stands { self.begun } else { self.begun.plus(self.elapsed()) }
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

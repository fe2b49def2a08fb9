//! How often a caller may ask: one bucket each, a bounded number of callers. Who is a caller: `state`.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_service::{Bucket, Rate};
use wickr_wire::ProblemCode;

use crate::refused::Refusal;

/// Too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Limited {
    #[error("too many requests; try again in {} s", .0.as_secs().max(1))]
    Wait(Duration),
    #[error("too many callers at this moment; try again shortly")]
    Crowded,
}

impl Refusal for Limited {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Wait(_) => ProblemCode::TooMany,
            Self::Crowded => ProblemCode::Busy,
        }
    }
}

/// A bucket per caller. Callers at rest take no room.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    rate: Rate,
    most: usize,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    used: HashMap<K, Bucket>,
    /// When callers at rest were last removed for want of room.
    swept: Duration,
}

const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, state: Mutex::new(State { used: HashMap::new(), swept: Duration::ZERO }) }
    }

    /// Takes one from the caller's bucket; `elapsed` is the monotonic clock.
    pub(crate) fn take(&self, caller: K, elapsed: Duration) -> Result<(), Limited> {
        let mut state = self.state.lock();
        let known = state.used.get(&caller).copied();
        if known.is_none() && state.used.len() >= self.most {
            if elapsed < state.swept + SWEEP_EVERY {
                return Err(Limited::Crowded);
            }
            state.swept = elapsed;
            state.used.retain(|_, bucket| !bucket.is_full(elapsed));
            if state.used.len() >= self.most {
                return Err(Limited::Crowded);
            }
        }
        let mut bucket = known.unwrap_or_default();
        bucket.take(self.rate, 1, elapsed).map_err(Limited::Wait)?;
        state.used.insert(caller, bucket);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_then_one_at_a_time_and_others_are_not_touched() {
        let buckets = Buckets::new(Rate::new(3, 60), 10);
        let start = Duration::from_hours(1);
        for _ in 0..3 {
            assert_eq!(buckets.take("a", start), Ok(()));
        }
        assert_eq!(buckets.take("a", start), Err(Limited::Wait(SECOND)));
        assert_eq!(buckets.take("b", start), Ok(()));
        assert_eq!(buckets.take("a", start + SECOND), Ok(()));
        assert!(buckets.take("a", start + SECOND).is_err());
    }

    #[test]
    fn when_full_callers_at_rest_make_room_and_busy_ones_keep_their_count() {
        let buckets = Buckets::new(Rate::new(1, 6), 2);
        let start = SECOND * 100;
        assert_eq!((buckets.take(1, start), buckets.take(2, start + SECOND * 5)), (Ok(()), Ok(())));
        assert_eq!(buckets.take(3, start + SECOND * 5), Err(Limited::Crowded));
        assert_eq!(buckets.take(3, start + SECOND * 11), Ok(()), "1 is at rest by then");
        assert!(matches!(buckets.take(2, start + SECOND * 11), Err(Limited::Wait(_))));
    }
}

//! How long an object that failed rests: doubling, with jitter, forgotten after a success (used by `drive`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::Rng;

use crate::Key;

/// The first rest.
pub const FIRST: Duration = Duration::from_millis(100);
/// The longest rest: as long as between two passes in which nothing fails, so that no status is older for it.
pub const LONGEST: Duration = crate::drive::RECHECK;

/// The failures in a row of each object.
#[derive(Debug)]
pub struct Backoffs {
    rng: Arc<dyn Rng>,
    failures: Mutex<HashMap<Key, u32>>,
}

impl Backoffs {
    /// With jitter from `rng`.
    pub fn new(rng: Arc<dyn Rng>) -> Self {
        Self { rng, failures: Mutex::default() }
    }

    /// Counts a failure and says how long to rest: 100 ms doubled each time up to a minute, then between half of it and all of it.
    pub fn failed(&self, key: &Key) -> Duration {
        let mut failures = self.failures.lock();
        let count = failures.entry(key.clone()).or_default();
        let whole = FIRST.saturating_mul(1 << (*count).min(20)).min(LONGEST);
        *count = count.saturating_add(1);
        whole / 2 + jitter(self.rng.as_ref(), whole / 2)
    }

    /// How often it failed in a row.
    pub fn count(&self, key: &Key) -> u32 {
        self.failures.lock().get(key).copied().unwrap_or_default()
    }

    /// It went well, or is gone.
    pub fn forget(&self, key: &Key) {
        self.failures.lock().remove(key);
    }

    /// How many objects rest.
    pub fn resting(&self) -> usize {
        self.failures.lock().len()
    }
}

/// A random part of `most`, so that objects that failed together don't come back together.
pub fn jitter(rng: &dyn Rng, most: Duration) -> Duration {
    let [low, high] = rng.bytes::<2>();
    most * u32::from(u16::from_be_bytes([high, low])) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    #[test]
    fn rests_grow_to_a_minute_and_start_small_again_after_a_success() {
        let backoffs = Backoffs::new(Arc::new(SeededRng::new(1)));
        let key = Key::new("hq", "hq");
        let rests: Vec<Duration> = (0..20).map(|_| backoffs.failed(&key)).collect();
        assert!(rests[0] <= FIRST && rests[0] >= FIRST / 2);
        for (at, rest) in rests.iter().enumerate() {
            let whole = FIRST.saturating_mul(1 << at.min(20)).min(LONGEST);
            assert!(*rest >= whole / 2 && *rest <= whole, "{at}: {rest:?}");
        }
        assert!(rests[19] <= Duration::from_mins(1), "no status is older than that: {rests:?}");
        assert_eq!(backoffs.resting(), 1);
        backoffs.forget(&key);
        assert!(backoffs.failed(&key) <= FIRST);
    }
}

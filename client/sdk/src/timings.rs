//! How long the client waits for what, and how it spreads what many would do at once. Pure: randomness is given.

use std::time::Duration;

use wickr_base::Rng;

/// A span from which a delay is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Shortest.
    pub least: Duration,
    /// Longest.
    pub most: Duration,
}

/// All waits of the client; the defaults are for a network, tests give shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// First delay of a reconnect; each further one doubles.
    pub reconnect_first: Duration,
    /// Longest delay of a reconnect.
    pub reconnect_most: Duration,
    /// For one request to be answered.
    pub answer: Duration,
    /// For a connection to be made.
    pub connect: Duration,
    /// Silence after which the connection is tried with a ping; after three of them it counts as lost.
    pub ping: Duration,
    /// Before somebody commits what others have proposed, so that not all race.
    pub commit_proposals: Spread,
    /// Before a change that lost its race is tried again; grows with each try.
    pub race: Spread,
    /// Before a joiner sends its empty path commit.
    pub path_after_join: Spread,
    /// Before somebody makes a fresh group for a room that needs one.
    pub repair: Spread,
    /// Between looks at key packages, own devices and certificates.
    pub upkeep: Duration,
    /// Key packages are refilled to this.
    pub key_packages_full: u32,
    /// Key packages are refilled under this.
    pub key_packages_low: u32,
    /// For how long own messages are sent again after a restore; the relay knows duplicates as long.
    pub resend: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            reconnect_first: Duration::from_millis(500),
            reconnect_most: seconds(30),
            answer: seconds(20),
            connect: seconds(10),
            ping: seconds(20),
            commit_proposals: Spread { least: Duration::from_millis(200), most: seconds(3) },
            race: Spread { least: Duration::from_millis(10), most: Duration::from_millis(150) },
            path_after_join: Spread { least: seconds(5), most: seconds(60) },
            repair: Spread { least: Duration::from_millis(200), most: seconds(5) },
            upkeep: seconds(60),
            key_packages_full: 50,
            key_packages_low: 20,
            resend: seconds(30 * 24 * 3600),
        }
    }
}

impl Spread {
    /// One delay of the span, all equally likely.
    pub fn pick(&self, rng: &dyn Rng) -> Duration {
        let width = self.most.saturating_sub(self.least).as_micros();
        let width = u64::try_from(width).unwrap_or(u64::MAX - 1);
        let random = u64::from_le_bytes(rng.bytes());
        self.least + Duration::from_micros(random % (width + 1))
    }
}

impl Timings {
    /// The delay before the reconnect after `failures` failures in a row: exponential, with full jitter above the half.
    pub fn reconnect(&self, failures: u32, rng: &dyn Rng) -> Duration {
        let doubled = self.reconnect_first.saturating_mul(1_u32 << failures.min(16));
        let most = doubled.min(self.reconnect_most);
        Spread { least: most / 2, most }.pick(rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wickr_base::SeededRng;

    proptest! {
        #[test]
        fn a_reconnect_waits_longer_each_time_up_to_the_longest(failures in 0_u32..1000, seed in any::<u64>()) {
            let timings = Timings::default();
            let delay = timings.reconnect(failures, &SeededRng::new(seed));
            prop_assert!(delay <= timings.reconnect_most);
            prop_assert!(delay >= timings.reconnect_first / 2);
            if failures > 6 {
                prop_assert!(delay >= timings.reconnect_most / 2);
            }
        }

        #[test]
        fn a_pick_stays_within_its_span(least in 0_u64..10_000, width in 0_u64..10_000, seed in any::<u64>()) {
            let spread = Spread { least: Duration::from_millis(least), most: Duration::from_millis(least + width) };
            let pick = spread.pick(&SeededRng::new(seed));
            prop_assert!(spread.least <= pick && pick <= spread.most);
        }
    }

    #[test]
    fn two_devices_do_not_reconnect_at_the_same_instant() {
        let timings = Timings::default();
        let (one, two) = (SeededRng::new(1), SeededRng::new(2));
        assert_ne!(timings.reconnect(3, &one), timings.reconnect(3, &two));
    }
}

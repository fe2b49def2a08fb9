//! How often something may happen: a token bucket of one number (the generic cell rate algorithm). Pure; who has a
//! bucket, and what is told when it is empty, is each service's own.

use std::time::Duration;

use serde::Deserialize;

/// So much at once, and so much a minute in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rate {
    burst: u64,
    per_minute: u64,
}

/// As it stands in a configuration file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    burst: u64,
    per_minute: u64,
}

impl TryFrom<Written> for Rate {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if written.burst == 0 || written.per_minute == 0 {
            return Err(
                "\"burst\" and \"per_minute\" must be at least 1: with 0 nothing would ever be allowed",
            );
        }
        Ok(Self::new(written.burst, written.per_minute))
    }
}

impl Rate {
    /// A rate; zeros count as one.
    pub fn new(burst: u64, per_minute: u64) -> Self {
        Self { burst: burst.max(1), per_minute: per_minute.max(1) }
    }

    /// How long `amount` takes to come back.
    fn time(self, amount: u64) -> Duration {
        let nanos = u128::from(amount) * 60_000_000_000 / u128::from(self.per_minute);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What one caller has used of a rate. A fresh one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it will be full again, by the monotonic clock.
    full_at: Duration,
}

impl Bucket {
    /// Takes `amount`, or says how long to wait for it. More than the whole burst is let through by a full bucket, and
    /// counts as the burst: it could never pass otherwise.
    pub fn take(&mut self, rate: Rate, amount: u64, elapsed: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(elapsed) + rate.time(amount.min(rate.burst));
        let room = elapsed + rate.time(rate.burst);
        if full_at > room {
            return Err(full_at.saturating_sub(room));
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Whether it is as good as a fresh one, so that nobody has to remember it.
    pub fn is_full(&self, elapsed: Duration) -> bool {
        self.full_at <= elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_then_only_what_comes_back_with_time() {
        let (rate, mut bucket) = (Rate::new(3, 60), Bucket::default());
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 1, START), Ok(()));
        }
        assert_eq!(bucket.take(rate, 1, START), Err(SECOND));
        assert_eq!(bucket.take(rate, 2, START), Err(SECOND * 2));
        assert_eq!(bucket.take(rate, 1, START + SECOND), Ok(()));
        assert!(bucket.take(rate, 1, START + SECOND).is_err());
        assert!(!bucket.is_full(START + SECOND * 3) && bucket.is_full(START + SECOND * 4));
    }

    #[test]
    fn who_waits_as_long_as_told_is_let_through() {
        let (rate, mut bucket) = (Rate::new(7, 1_000_003), Bucket::default());
        let mut now = START;
        for _ in 0..1_000 {
            if let Err(wait) = bucket.take(rate, 5, now) {
                now += wait;
                assert_eq!(bucket.take(rate, 5, now), Ok(()));
            }
        }
    }

    #[test]
    fn more_than_a_burst_passes_when_the_bucket_is_full_and_empties_it() {
        let (rate, mut bucket) = (Rate::new(10, 60), Bucket::default());
        assert_eq!(bucket.take(rate, 1_000, START), Ok(()));
        assert_eq!(bucket.take(rate, 1, START), Err(SECOND));
    }

    #[test]
    fn a_rate_of_nothing_is_refused_where_it_is_read() {
        let read = |text: &str| serde_yaml::from_str::<Rate>(text);
        assert_eq!(read("{burst: 5, per_minute: 60}").unwrap(), Rate::new(5, 60));
        assert!(read("{burst: 0, per_minute: 60}").unwrap_err().to_string().contains("at least 1"));
        assert!(read("{burst: 5, per_hour: 60}").unwrap_err().to_string().contains("per_hour"));
    }
}

//! How fast a load writes: acknowledgements hold it back always, a rate only where one is given.

use std::time::Duration;

use tokio::time::{Interval, interval};

/// How fast one device writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as an earlier message is acknowledged.
    Acknowledged,
    /// At most so many a second; what was held up is made up for.
    PerSecond(u32),
}

impl Pace {
    /// `WICKR_RATE` messages a second if it is set, else the `usual` number.
    pub fn asked(usual: u32) -> Self {
        let asked = std::env::var("WICKR_RATE").ok().and_then(|rate| rate.parse().ok());
        Self::PerSecond(asked.unwrap_or(usual))
    }

    /// What `devices` devices do together, each its part.
    #[must_use]
    pub fn shared(self, devices: usize) -> Self {
        match self {
            Self::Acknowledged => self,
            Self::PerSecond(all) => {
                Self::PerSecond(all.div_ceil(u32::try_from(devices).unwrap_or(u32::MAX).max(1)).max(1))
            }
        }
    }

    pub(crate) fn ticks(self) -> Option<Interval> {
        match self {
            Self::Acknowledged => None,
            Self::PerSecond(rate) => Some(interval(Duration::from_secs(1) / rate.max(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_several_share_is_not_less_than_what_was_asked() {
        assert_eq!(Pace::PerSecond(500).shared(6), Pace::PerSecond(84));
        assert_eq!(Pace::PerSecond(2).shared(5), Pace::PerSecond(1));
        assert_eq!(Pace::Acknowledged.shared(5), Pace::Acknowledged);
    }
}

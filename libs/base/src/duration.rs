//! Durations as people write them in a spec: `720h`, `90m`, `15s`, `250ms`; one number, one unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A span of time written as one number and one unit (`ms`, `s`, `m`, `h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lifetime(Duration);

/// Why a text is not such a span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a duration: write one number and one of the units ms, s, m, h, like \"720h\"")]
pub struct LifetimeError(String);

impl Lifetime {
    /// Of that length; the part below a millisecond is dropped.
    pub fn new(of: Duration) -> Self {
        Self(Duration::from_millis(u64::try_from(of.as_millis()).unwrap_or(u64::MAX)))
    }

    /// As a standard duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let bad = || LifetimeError(text.chars().take(40).collect());
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = text.split_at(unit_at);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(bad()),
        };
        number.checked_mul(unit).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(bad)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            m if m % 3_600_000 == 0 => write!(f, "{}h", m / 3_600_000),
            m if m % 60_000 == 0 => write!(f, "{}m", m / 60_000),
            m if m % 1_000 == 0 => write!(f, "{}s", m / 1_000),
            m => write!(f, "{m}ms"),
        }
    }
}

impl TryFrom<String> for Lifetime {
    type Error = LifetimeError;
    fn try_from(text: String) -> Result<Self, LifetimeError> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_printed_duration_reads_back(millis in 0_u64..10_000_000_000) {
            let lifetime = Lifetime::new(Duration::from_millis(millis));
            prop_assert_eq!(lifetime.to_string().parse::<Lifetime>().unwrap(), lifetime);
        }
    }

    #[test]
    fn numbers_without_unit_and_mixed_units_are_refused() {
        for bad in ["", "5", "1h30m", "-1s", "1.5h", "1 h", "99999999999999999999h"] {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
        }
    }
}

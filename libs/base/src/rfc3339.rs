//! Times in JSON: RFC 3339 in UTC (`clock` has the number that stands on wire and disk).
//!
//! For a field: `#[serde(with = "wickr_base::rfc3339")]`; for one that may be missing add
//! `default` and use `wickr_base::rfc3339::option`.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};

use crate::UnixMillis;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a time: write it like \"2026-01-31T09:30:00Z\"")]
pub struct TimeError(String);

impl FromStr for UnixMillis {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>()
            .map(|at| Self(at.as_millisecond()))
            .map_err(|_| TimeError(text.chars().take(40).collect()))
    }
}

/// Writes the time.
pub fn serialize<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Reads the time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The same for a time that may be missing (`null`).
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, UnixMillis};

    /// Writes the time or `null`.
    pub fn serialize<S: Serializer>(at: &Option<UnixMillis>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the time or `null`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(serde::de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_time_reads_back_and_other_text_is_refused() {
        let at = UnixMillis(1_700_000_000_123);
        assert_eq!(at.to_string().parse::<UnixMillis>().unwrap(), at);
        assert_eq!("2023-11-14T23:13:20.123+01:00".parse::<UnixMillis>().unwrap(), at);
        for bad in ["", "1700000000", "2023-11-14", "2023-11-14T22:13:20"] {
            assert!(bad.parse::<UnixMillis>().is_err(), "{bad}");
        }
    }
}

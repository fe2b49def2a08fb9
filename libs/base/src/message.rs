//! What names one message and one place in a room's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Rng;

/// 16 random bytes chosen by the sender; the same on a resend, so that nothing arrives twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

/// A store's life: new at creation and at restore. A cursor of another incarnation means: resynchronise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// Position in a room's log, from 1; the only order there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// Why a text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not 32 lower-case hexadecimal digits")]
pub struct MessageIdError(String);

impl Seq {
    /// The one after this; saturates.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! sixteen_bytes {
    ($name:ident) => {
        impl $name {
            /// A new random one.
            pub fn random(rng: &dyn Rng) -> Self {
                Self(rng.bytes())
            }

            /// From exactly 16 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = MessageIdError;
            fn from_str(text: &str) -> Result<Self, MessageIdError> {
                let bad = || MessageIdError(text.chars().take(64).collect());
                let canonical = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if text.len() != 32 || !text.bytes().all(canonical) {
                    return Err(bad());
                }
                let mut out = [0; 16];
                for (at, byte) in out.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| bad())?;
                }
                Ok(Self(out))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

sixteen_bytes!(MessageId);
sixteen_bytes!(Incarnation);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRng;

    #[test]
    fn a_message_id_reads_back_as_written() {
        let id = MessageId::random(&SeededRng::new(4));
        assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        assert!("+f".repeat(16).parse::<MessageId>().is_err());
    }
}

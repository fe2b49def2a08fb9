//! What names a network's root in a join address and in a peer's spec.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// SHA-256 of the root certificate's `SubjectPublicKeyInfo`; written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootPin(pub [u8; 32]);

/// Why a text is not a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a root pin: write \"sha256:\" and 64 lower-case hexadecimal digits")]
pub struct RootPinError(String);

impl FromStr for RootPin {
    type Err = RootPinError;

    fn from_str(text: &str) -> Result<Self, RootPinError> {
        let bad = || RootPinError(text.chars().take(80).collect());
        let digits = text.strip_prefix("sha256:").ok_or_else(bad)?.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (digit(pair[0]).ok_or_else(bad)?, digit(pair[1]).ok_or_else(bad)?);
            *byte = high << 4 | low;
        }
        Ok(Self(out))
    }
}

fn digit(of: u8) -> Option<u8> {
    match of {
        b'0'..=b'9' => Some(of - b'0'),
        b'a'..=b'f' => Some(of - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for RootPin {
    type Error = RootPinError;
    fn try_from(text: String) -> Result<Self, RootPinError> {
        text.parse()
    }
}

impl From<RootPin> for String {
    fn from(pin: RootPin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_and_every_other_spelling_is_refused() {
        let pin = RootPin([0xa5; 32]);
        assert_eq!(pin.to_string().parse(), Ok(pin));
        let digits = "a5".repeat(32);
        for bad in [
            digits.clone(),
            format!("sha256:{}", digits.to_uppercase()),
            format!("sha256:{digits}a5"),
            format!("sha512:{digits}"),
            format!("sha256:{}", "+5".repeat(32)),
            "sha256:".to_owned(),
        ] {
            assert!(bad.parse::<RootPin>().is_err(), "{bad}");
        }
    }
}

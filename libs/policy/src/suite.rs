//! Which MLS cipher suite a network's rooms use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A cipher suite of RFC 9420 section 17.1 by the name it has in a spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Suite {
    /// `MLS_128_DHKEMP256_AES128GCM_SHA256_P256`.
    #[default]
    P256,
    /// `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519`.
    X25519,
    /// `MLS_256_DHKEMP384_AES256GCM_SHA384_P384`.
    P384,
}

/// Why a text is not a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a cipher suite: write P256, X25519 or P384")]
pub struct SuiteError(String);

impl Suite {
    /// The number in the IANA registry of MLS cipher suites.
    pub fn number(self) -> u16 {
        match self {
            Self::X25519 => 1,
            Self::P256 => 2,
            Self::P384 => 7,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P256",
            Self::X25519 => "X25519",
            Self::P384 => "P384",
        })
    }
}

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, SuiteError> {
        match text {
            "P256" => Ok(Self::P256),
            "X25519" => Ok(Self::X25519),
            "P384" => Ok(Self::P384),
            other => Err(SuiteError(other.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_has_its_registered_number_and_reads_back() {
        for (suite, number) in [(Suite::X25519, 1), (Suite::P256, 2), (Suite::P384, 7)] {
            assert_eq!(suite.number(), number);
            assert_eq!(suite.to_string().parse(), Ok(suite));
            assert_eq!(serde_json::to_string(&suite).unwrap(), format!("\"{suite}\""));
        }
        assert!("p256".parse::<Suite>().is_err());
    }
}

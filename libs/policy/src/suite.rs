//! Which MLS cipher suite a network's rooms use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A cipher suite of RFC 9420 section 17.1 by the name it has in a spec.
///
/// The one that works: device certificates, session tokens and proofs of possession are P-256 throughout, and the device
/// key signs for the leaf. Whoever matches must say what becomes of one that a later version adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Suite {
    /// `MLS_128_DHKEMP256_AES128GCM_SHA256_P256`.
    #[default]
    P256,
}

/// Why a text is not a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a cipher suite: write P256")]
pub struct SuiteError(String);

impl Suite {
    /// The number in the IANA registry of MLS cipher suites.
    pub fn number(self) -> u16 {
        match self {
            Self::P256 => 2,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P256",
        })
    }
}

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, SuiteError> {
        match text {
            "P256" => Ok(Self::P256),
            other => Err(SuiteError(other.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_has_its_registered_number_and_reads_back() {
        assert_eq!(Suite::P256.number(), 2);
        assert_eq!("P256".parse(), Ok(Suite::P256));
        assert_eq!(serde_json::to_string(&Suite::P256).unwrap(), "\"P256\"");
    }

    #[test]
    fn a_suite_that_nothing_here_speaks_is_refused() {
        for other in ["X25519", "P384", "p256"] {
            assert!(other.parse::<Suite>().is_err());
            assert!(serde_json::from_str::<Suite>(&format!("\"{other}\"")).is_err());
        }
    }
}

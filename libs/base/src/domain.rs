//! A network's name: its domain, lower case, part of every identity (ids built on it: `identity`, `room`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A DNS name of at least two labels in lower-case ASCII, at most 253 bytes (RFC 1123 section 2.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Arc<str>);

/// Why a text is not a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a domain: {why}")]
pub struct DomainError {
    given: String,
    why: &'static str,
}

impl Domain {
    /// The domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let refuse = |why| Err(DomainError { given: text.chars().take(80).collect(), why });
        if text.len() > 253 {
            return refuse("it is longer than 253 bytes");
        }
        if text.split('.').count() < 2 {
            return refuse("it needs at least two labels, like \"hq.example\"");
        }
        for label in text.split('.') {
            if label.is_empty() || label.len() > 63 {
                return refuse("each label has 1 to 63 characters");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return refuse("a label neither starts nor ends with a hyphen");
            }
            if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                return refuse("only lower-case letters, digits, hyphens and dots are allowed");
            }
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Domain {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0.as_ref().to_owned()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_single_labels_and_stray_hyphens_are_refused() {
        for bad in
            ["HQ.example", "localhost", "", "a..b", "-a.example", "a-.example", "a b.example", "ü.example"]
        {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
        assert!("hq.example".parse::<Domain>().is_ok());
    }
}

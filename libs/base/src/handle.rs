//! A person's handle, `alice@hq.example`: how people find each other, and only in the directory.

use std::fmt;
use std::str::FromStr;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};

use crate::Domain;

/// Local part in the PRECIS UsernameCaseMapped profile (RFC 8265 section 3.3), at most 64 bytes, and domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle {
    local: String,
    domain: Domain,
}

/// Why a text is not a handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a handle: {why}")]
pub struct HandleError {
    given: String,
    why: String,
}

impl Handle {
    /// The handle of `local` in `domain`; case-mapped and normalised.
    pub fn new(local: &str, domain: Domain) -> Result<Self, HandleError> {
        let refuse = |why: String| HandleError { given: local.chars().take(80).collect(), why };
        if local.contains(['@', '/']) {
            return Err(refuse("the part before the @ contains @ or /".to_owned()));
        }
        let mapped = UsernameCaseMapped::enforce(local)
            // Its texts have line breaks.
            .map_err(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
            .map_err(|why| refuse(format!("the part before the @ is refused by RFC 8265 ({why})")))?;
        if mapped.is_empty() || mapped.len() > 64 {
            return Err(refuse("the part before the @ has 1 to 64 bytes".to_owned()));
        }
        Ok(Self { local: mapped.into_owned(), domain })
    }

    /// The part before the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The network.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

impl FromStr for Handle {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        let refuse = |why: String| HandleError { given: text.chars().take(80).collect(), why };
        let (local, domain) =
            text.rsplit_once('@').ok_or_else(|| refuse("write it as name@domain".to_owned()))?;
        let domain =
            domain.to_ascii_lowercase().parse().map_err(|e: crate::DomainError| refuse(e.to_string()))?;
        Self::new(local, domain)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Handle {
    type Error = HandleError;
    fn try_from(text: String) -> Result<Self, HandleError> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_so_that_one_person_has_one_handle() {
        let handle: Handle = "Alice@HQ.example".parse().unwrap();
        assert_eq!(handle.to_string(), "alice@hq.example");
    }

    #[test]
    fn control_characters_spaces_and_missing_parts_are_refused() {
        for bad in ["alice", "@hq.example", "a b@hq.example", "a\u{0}@hq.example", "alice@", "a/b@hq.example"]
        {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_repeats_nothing_that_a_terminal_obeys() {
        let refused = "\u{1b}[2J\u{202e}a\n@hq.example".parse::<Handle>().unwrap_err().to_string();
        assert!(refused.starts_with(r#""\u{1b}[2J\u{202e}a\n"#), "{refused}");
        assert!(!refused.contains(char::is_control), "{refused}");
    }
}

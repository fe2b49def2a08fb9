//! A refusal as a result: the stable code and a text for a person.

use std::fmt;

use wickr_wire::ProblemCode;

/// Why a frame of MLS is not taken (what was judged: `observer`, `key_package`, `header`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The stable code that goes on the wire.
    pub code: ProblemCode,
    /// Why, and what to do next; names member URIs, never content.
    pub detail: String,
}

impl Refused {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// Bytes that are not what they should be.
    pub(crate) fn unreadable(what: &str) -> Self {
        Self::malformed(format!(
            "{what} can't be read: it must be one whole message of MLS 1.0 (RFC 9420), of this kind"
        ))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Malformed, detail)
    }

    pub(crate) fn commit(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::CommitRefused, detail)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Refused {}

//! Which kinds of certificates there are and how long each lives (how they are made: `issue`).

use std::fmt;
use std::time::Duration;

/// What an issuer is for; each is an intermediate of its own, and relying parties anchor at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Services to each other, and managed public TLS certificates.
    Workload,
    /// Devices, services that are members, signers of session tokens.
    Device,
    /// Signers of network documents.
    Document,
}

impl Purpose {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Workload, Self::Device, Self::Document];

    /// Lower-case, as it stands in names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Device => "device",
            Self::Document => "document",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// How long a root lives.
pub const ROOT_LIFE: Duration = YEAR.saturating_mul(10);
/// How long an issuer lives, at most until its root ends.
pub const ISSUER_LIFE: Duration = YEAR.saturating_mul(5);
/// How long a member service's certificate lives, at most until its issuer ends: members compare it byte for byte.
pub const MEMBER_SERVICE_LIFE: Duration = YEAR.saturating_mul(10);
/// How long a signer of session tokens lives.
pub const TOKEN_SIGNER_LIFE: Duration = DAY;
/// How far back a certificate's beginning lies, so that a clock that is behind takes it at once.
pub const SKEW: Duration = Duration::from_mins(5);

/// The role in the SPIFFE id of who signs network documents.
pub const DOCUMENT_SIGNER: &str = "document-signer";
/// The role in the SPIFFE id of who signs session tokens.
pub const TOKEN_SIGNER: &str = "session-token-signer";

//! What is wrong with a spec: all of it, each with field path, code, message and hint (what we wait for: `hold`).

use std::fmt;

/// One thing that is wrong with a spec or with what it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field, like `spec.exposure.tls.secretRef.name`.
    pub path: String,
    /// Which of the closed list it is.
    pub code: FindingCode,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// All findings of a spec; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

/// The closed list; as a word it is the reason of the condition Accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingCode {
    /// The object's name is too long.
    NameTooLong,
    /// A value can't be read as what it should be.
    Unreadable,
    /// A value is outside its bounds.
    OutOfRange,
    /// Two fields contradict each other.
    Contradiction,
    /// An older network has the same domain.
    DomainTaken,
    /// An older network is in the same namespace.
    NamespaceTaken,
    /// A referenced Secret is not there.
    SecretMissing,
    /// A referenced Secret is one of the operator's own.
    SecretReserved,
    /// A referenced ConfigMap is not there.
    ConfigMapMissing,
    /// A referenced object lacks the key.
    KeyMissing,
    /// A referenced object may not be read.
    Forbidden,
    /// A certificate doesn't fit: name, time or key.
    CertificateUnfit,
    /// The network is not there.
    NetworkMissing,
    /// An address range that must never be reached.
    AddressRefused,
}

impl Finding {
    /// One finding.
    pub fn new(
        path: impl Into<String>,
        code: FindingCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), code, message: message.into(), hint: hint.into() }
    }
}

impl FindingCode {
    /// All of them, for the reference.
    pub const ALL: [Self; 14] = [
        Self::NameTooLong,
        Self::Unreadable,
        Self::OutOfRange,
        Self::Contradiction,
        Self::DomainTaken,
        Self::NamespaceTaken,
        Self::SecretMissing,
        Self::SecretReserved,
        Self::ConfigMapMissing,
        Self::KeyMissing,
        Self::Forbidden,
        Self::CertificateUnfit,
        Self::NetworkMissing,
        Self::AddressRefused,
    ];

    /// As it stands in conditions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameTooLong => "NameTooLong",
            Self::Unreadable => "Unreadable",
            Self::OutOfRange => "OutOfRange",
            Self::Contradiction => "Contradiction",
            Self::DomainTaken => "DomainTaken",
            Self::NamespaceTaken => "NamespaceTaken",
            Self::SecretMissing => "SecretMissing",
            Self::SecretReserved => "SecretReserved",
            Self::ConfigMapMissing => "ConfigMapMissing",
            Self::KeyMissing => "KeyMissing",
            Self::Forbidden => "Forbidden",
            Self::CertificateUnfit => "CertificateUnfit",
            Self::NetworkMissing => "NetworkMissing",
            Self::AddressRefused => "AddressRefused",
        }
    }
}

impl Findings {
    /// The finding that is told first.
    pub fn first(&self) -> Option<&Finding> {
        self.0.first()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. Next: {}.", self.path, self.message, self.hint)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

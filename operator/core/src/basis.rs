//! What a finding rests on, and so what admission makes of it (the findings themselves: `finding`).

use crate::finding::FindingCode;

/// What a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The object alone: only changing the object helps, so admission refuses it.
    Object,
    /// Another network that is in the way: it may go, so admission takes the object and warns.
    Neighbour,
    /// Something that the object names: it may come or change at any time, so admission doesn't look at it.
    Reference,
}

impl Basis {
    /// All of them, for the reference.
    pub const ALL: [Self; 3] = [Self::Object, Self::Neighbour, Self::Reference];

    /// What it is and what admission does, for the reference.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Object => "the object alone: the webhook refuses it",
            Self::Neighbour => "another network, which may go: the webhook takes the object and warns",
            Self::Reference => {
                "what the object names, which may come or change at any time: the webhook doesn't look at it"
            }
        }
    }
}

impl FindingCode {
    /// What findings of this code rest on.
    pub fn basis(self) -> Basis {
        match self {
            Self::NameTooLong
            | Self::Unreadable
            | Self::OutOfRange
            | Self::Contradiction
            | Self::AddressRefused => Basis::Object,
            Self::DomainTaken | Self::NamespaceTaken => Basis::Neighbour,
            Self::SecretMissing
            | Self::SecretReserved
            | Self::ConfigMapMissing
            | Self::KeyMissing
            | Self::Forbidden
            | Self::CertificateUnfit
            | Self::NetworkMissing => Basis::Reference,
        }
    }
}

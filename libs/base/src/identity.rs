//! Who somebody is: users, devices, services, workloads, and the URIs that stand for them in certificates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Domain, Rng};

/// Why a text is not the identity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not {what}")]
pub struct IdentityError {
    given: String,
    what: &'static str,
}

fn refuse(given: &str, what: &'static str) -> IdentityError {
    IdentityError { given: given.chars().take(120).collect(), what }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random one (UUIDv4, RFC 9562 section 5.4).
            pub fn random(rng: &dyn Rng) -> Self {
                Self(crate::random::uuid_v4(rng))
            }
            /// The 16 bytes in network order.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
            /// From its 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The UUID itself.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl FromStr for $name {
            type Err = IdentityError;
            fn from_str(text: &str) -> Result<Self, IdentityError> {
                crate::random::parse_uuid(text).map(Self).ok_or_else(|| refuse(text, $what))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A person of a network. Made by sso; the directory maps (issuer, subject) to it.
    UserId,
    "a user id (a UUID in lower case with hyphens)"
);
uuid_id!(
    /// One device of a person.
    DeviceId,
    "a device id (a UUID in lower case with hyphens)"
);

/// The SAN URI of an MLS leaf certificate; byte-equal URIs are the same member.
///
/// `wickr://hq.example/u/<user>/d/<device>` or `wickr://hq.example/s/<service>/<replica>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MemberUri {
    /// A person's device.
    Device {
        /// The network the person belongs to.
        domain: Domain,
        /// The person.
        user: UserId,
        /// The device.
        device: DeviceId,
    },
    /// A service that is a member, or may speak for the hub (`hub`, as external sender).
    Service {
        /// The network that runs it.
        domain: Domain,
        /// Its role, for example `hub`.
        service: String,
        /// Which replica; lower-case letters, digits, hyphens.
        replica: String,
    },
}

impl MemberUri {
    /// The network it belongs to.
    pub fn domain(&self) -> &Domain {
        match self {
            Self::Device { domain, .. } | Self::Service { domain, .. } => domain,
        }
    }

    /// User and device, when it is a person's.
    pub fn device(&self) -> Option<(UserId, DeviceId)> {
        match self {
            Self::Device { user, device, .. } => Some((*user, *device)),
            Self::Service { .. } => None,
        }
    }
}

const MEMBER: &str = "a member URI (wickr://DOMAIN/u/USER/d/DEVICE or wickr://DOMAIN/s/SERVICE/REPLICA)";

impl FromStr for MemberUri {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let bad = || refuse(text, MEMBER);
        let parts: Vec<&str> = text.strip_prefix("wickr://").ok_or_else(bad)?.split('/').collect();
        match parts.as_slice() {
            [domain, "u", user, "d", device] => Ok(Self::Device {
                domain: domain.parse().map_err(|_| bad())?,
                user: user.parse().map_err(|_| bad())?,
                device: device.parse().map_err(|_| bad())?,
            }),
            [domain, "s", service, replica] if is_label(service) && is_label(replica) => Ok(Self::Service {
                domain: domain.parse().map_err(|_| bad())?,
                service: (*service).to_owned(),
                replica: (*replica).to_owned(),
            }),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for MemberUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { domain, user, device } => write!(f, "wickr://{domain}/u/{user}/d/{device}"),
            Self::Service { domain, service, replica } => write!(f, "wickr://{domain}/s/{service}/{replica}"),
        }
    }
}

impl fmt::Debug for MemberUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for MemberUri {
    type Error = IdentityError;
    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<MemberUri> for String {
    fn from(uri: MemberUri) -> Self {
        uri.to_string()
    }
}

/// A workload's SPIFFE id, `spiffe://hq.example/<role>` (SPIFFE-ID section 2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpiffeId {
    /// The trust domain: the network.
    pub domain: Domain,
    /// The role: `operator`, `relay`, `sso` and so on.
    pub role: String,
}

impl SpiffeId {
    /// The id of `role` in `domain`.
    pub fn new(domain: Domain, role: &str) -> Self {
        Self { domain, role: role.to_owned() }
    }
}

impl FromStr for SpiffeId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let bad = || refuse(text, "a workload id (spiffe://DOMAIN/ROLE)");
        let (domain, role) =
            text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).ok_or_else(bad)?;
        if !is_label(role) {
            return Err(bad());
        }
        Ok(Self { domain: domain.parse().map_err(|_| bad())?, role: role.to_owned() })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}", self.domain, self.role)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = IdentityError;
    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<SpiffeId> for String {
    fn from(id: SpiffeId) -> Self {
        id.to_string()
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRng;

    #[test]
    fn a_member_uri_reads_back_as_written() {
        let rng = SeededRng::new(1);
        let uri = MemberUri::Device {
            domain: "hq.example".parse().unwrap(),
            user: UserId::random(&rng),
            device: DeviceId::random(&rng),
        };
        assert_eq!(uri.to_string().parse::<MemberUri>().unwrap(), uri);
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused_so_that_equal_ids_are_equal_bytes() {
        let rng = SeededRng::new(2);
        let id = UserId::random(&rng).to_string();
        assert!(id.to_uppercase().parse::<UserId>().is_err());
        assert!(id.replace('-', "").parse::<UserId>().is_err());
    }

    #[test]
    fn extra_segments_and_foreign_schemes_are_refused() {
        for bad in [
            "wickr://hq.example/u/x/d/y",
            "https://hq.example/s/a/b",
            "wickr://hq.example/s/a/b/c",
            "wickr://hq.example/s/A/b",
        ] {
            assert!(bad.parse::<MemberUri>().is_err(), "{bad}");
        }
        assert!("spiffe://hq.example/relay/x".parse::<SpiffeId>().is_err());
    }
}

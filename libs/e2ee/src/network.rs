//! What both sides know of the network: its domain, suite, hub certificate, and who judges device certificates.

use std::fmt;
use std::sync::Arc;

use wickr_base::{Domain, MemberUri, UnixMillis};

use crate::Suite;

/// Judges a device certificate: chain to the device issuer, profile, time (`DeviceIssuers` does).
///
/// The answer must follow from the arguments and from anchors that all members share: members who judge differently
/// can't follow the same commits. What only one side knows, such as revocations, is judged beside it: at the relay in
/// `Judgement`, in a client by looking at the roster. The certificate's key and URI are read again and compared here.
pub trait DeviceChecker: Send + Sync {
    /// Whether `leaf_der` was issued for a device of the network and is valid at `at` (RFC 5280 section 6).
    fn check(&self, leaf_der: &[u8], at: UnixMillis) -> Result<CheckedDevice, DeviceRefusal>;
}

/// What a trusted certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedDevice {
    /// Its one SAN URI.
    pub uri: MemberUri,
    /// The last instant at which it is valid.
    pub not_after: UnixMillis,
}

/// Why a certificate is not trusted, for a person: the certificate's fault and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceRefusal(pub String);

/// What a member and the relay must agree on before they can agree on a group; from the network document.
#[derive(Clone)]
pub struct Network {
    /// The network, and the hub of the rooms it orders.
    pub domain: Domain,
    /// The suite of all its groups.
    pub suite: Suite,
    /// The external sender's leaf certificate, DER. Members compare it byte for byte (RFC 9420 section 12.1.8.1).
    pub hub_certificate: Vec<u8>,
    /// Who judges device certificates.
    pub devices: Arc<dyn DeviceChecker>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("domain", &self.domain)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

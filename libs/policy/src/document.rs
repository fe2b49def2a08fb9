//! What a network tells everybody about itself (what may replace it: `decide`; its signature: `wickr-pki`).

use serde::{Deserialize, Serialize};
use wickr_base::{Domain, UnixMillis};

use crate::{Der, ServiceUrl, Suite};

/// The public network document, version 1. Times are RFC 3339 in JSON.
///
/// Members that this version doesn't know are ignored, so that a later one may add some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDocument {
    /// The format's version, 1.
    pub version: u32,
    /// The network.
    pub domain: Domain,
    /// Grows with each signing; nobody goes back to a smaller one.
    pub number: u64,
    /// When it was signed.
    #[serde(with = "wickr_base::rfc3339")]
    pub issued_at: UnixMillis,
    /// From when on nobody may trust it.
    #[serde(with = "wickr_base::rfc3339")]
    pub expires_at: UnixMillis,
    /// Where the services answer.
    pub urls: Urls,
    /// Whom to trust for what.
    pub anchors: Anchors,
    /// Root certificates: the current one, then the next one while the root is being changed.
    pub roots: Vec<Der>,
    /// The hub's certificate, the only external sender of every room; compared byte for byte.
    pub hub_certificate: Der,
    /// The device issuer that signed the hub's certificate, when that issuer is an anchor no more: it outlives the trust
    /// in devices of the same issuer, because every room holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_issuer: Option<Der>,
    /// The cipher suite of new rooms.
    pub suite: Suite,
}

/// Where a network's services answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// The relay.
    pub relay: ServiceUrl,
    /// Sign-in and directory.
    pub sso: ServiceUrl,
}

/// Certificates that end a chain, each for one purpose only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchors {
    /// Issuers of workload certificates (and of managed public ones).
    pub workload: Vec<Der>,
    /// Issuers of device certificates and session token signers.
    pub device: Vec<Der>,
    /// Issuers of keys that sign network documents.
    pub document: Vec<Der>,
    /// Authorities of the customer's own public certificate; empty when it is managed by us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_tls: Vec<Der>,
}

/// What is wrong with a document's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A version that this program can't read.
    #[error("the document has version {0}; this program reads version 1")]
    Version(u32),
    /// It expires before it begins.
    #[error("the document was signed at {issued_at} and expires at {expires_at}, which is not later")]
    Order {
        /// When it was signed.
        issued_at: UnixMillis,
        /// When it ends.
        expires_at: UnixMillis,
    },
    /// A list has no entry, or more than 16.
    #[error("the document's \"{0}\" has no entry, or more than 16")]
    Entries(&'static str),
    /// Numbers start at 1.
    #[error("the document has number 0; numbers start at 1")]
    Number,
}

/// Most entries of one list of certificates.
const MOST: usize = 16;

impl NetworkDocument {
    /// The format's version that this program writes and reads.
    pub const VERSION: u32 = 1;

    /// Checks what the types can't say; the signature is checked elsewhere.
    pub fn validate(&self) -> Result<(), DocumentError> {
        if self.version != Self::VERSION {
            return Err(DocumentError::Version(self.version));
        }
        if self.number == 0 {
            return Err(DocumentError::Number);
        }
        if self.issued_at >= self.expires_at {
            return Err(DocumentError::Order { issued_at: self.issued_at, expires_at: self.expires_at });
        }
        let lists = [
            ("roots", &self.roots),
            ("anchors.workload", &self.anchors.workload),
            ("anchors.device", &self.anchors.device),
            ("anchors.document", &self.anchors.document),
        ];
        if let Some((name, _)) = lists.iter().find(|(_, list)| list.is_empty() || list.len() > MOST) {
            return Err(DocumentError::Entries(name));
        }
        if self.anchors.public_tls.len() > MOST {
            return Err(DocumentError::Entries("anchors.public_tls"));
        }
        Ok(())
    }

    /// Whether it may still be trusted at `at`.
    pub fn is_live(&self, at: UnixMillis) -> bool {
        at < self.expires_at
    }
}

impl Anchors {
    /// What clients trust for TLS with the public addresses: the customer's authorities, else our own.
    pub fn for_public_tls(&self) -> &[Der] {
        if self.public_tls.is_empty() { &self.workload } else { &self.public_tls }
    }
}

#[cfg(test)]
pub(crate) fn sample() -> NetworkDocument {
    NetworkDocument {
        version: 1,
        domain: "hq.example".parse().unwrap(),
        number: 4,
        issued_at: UnixMillis(1_000_000),
        expires_at: UnixMillis(4_000_000),
        urls: Urls {
            relay: "wss://chat.hq.example:30443".parse().unwrap(),
            sso: "https://id.hq.example".parse().unwrap(),
        },
        anchors: Anchors {
            workload: vec![Der::new([1])],
            device: vec![Der::new([2])],
            document: vec![Der::new([3])],
            public_tls: vec![],
        },
        roots: vec![Der::new([4])],
        hub_certificate: Der::new([5]),
        hub_issuer: None,
        suite: Suite::P256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back_with_times_a_person_can_read() {
        let json = serde_json::to_string(&sample()).unwrap();
        assert!(json.contains("\"issued_at\":\"1970-01-01T00:16:40.000Z\""), "{json}");
        assert!(!json.contains("hub_issuer"), "what was signed before there was one stays as it is: {json}");
        assert_eq!(serde_json::from_str::<NetworkDocument>(&json).unwrap(), sample());
    }

    #[test]
    fn a_document_of_another_version_or_without_anchors_is_refused() {
        assert_eq!(sample().validate(), Ok(()));
        let mut other = sample();
        other.version = 2;
        assert_eq!(other.validate(), Err(DocumentError::Version(2)));
        let mut other = sample();
        other.anchors.device.clear();
        assert_eq!(other.validate(), Err(DocumentError::Entries("anchors.device")));
        let mut other = sample();
        other.expires_at = other.issued_at;
        assert!(matches!(other.validate(), Err(DocumentError::Order { .. })));
    }

    #[test]
    fn a_managed_public_certificate_is_trusted_through_the_workload_issuer() {
        let mut anchors = sample().anchors;
        assert_eq!(anchors.for_public_tls(), [Der::new([1])]);
        anchors.public_tls.push(Der::new([9]));
        assert_eq!(anchors.for_public_tls(), [Der::new([9])]);
    }
}

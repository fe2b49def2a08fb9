//! Real keys for tests: a network's issuers and what they sign, as data of Secrets.

#![expect(clippy::expect_used, reason = "a test that can't make its fixtures must stop")]

use std::collections::BTreeMap;
use std::time::Duration;

use wickr_base::{Domain, MemberUri, SeededRng, SpiffeId, UnixMillis};
use wickr_pki::{
    KeyMaterial, Purpose, certificates_to_pem, issue_document_signer, issue_member_service, issue_public_tls,
    issue_workload, new_issuer, new_root,
};

/// Data of a Secret.
pub type Data = BTreeMap<String, Vec<u8>>;

/// A network's issuers.
#[derive(Debug)]
pub struct Issuers {
    /// The network.
    pub domain: Domain,
    /// When everything was made.
    pub now: UnixMillis,
    /// The root.
    pub root: KeyMaterial,
    /// Of workloads.
    pub workload: KeyMaterial,
    /// Of devices.
    pub device: KeyMaterial,
    /// Of document signers.
    pub document: KeyMaterial,
    rng: SeededRng,
}

impl Issuers {
    /// New ones.
    pub fn new(domain: &str, now: UnixMillis) -> Self {
        let rng = SeededRng::new(7);
        let domain: Domain = domain.parse().expect("a domain");
        let root = new_root(&domain, &rng, now).expect("a root");
        let issuer =
            |purpose| new_issuer(&root, &domain, purpose, &rng, now).expect("an issuer under the root");
        let (workload, device, document) =
            (issuer(Purpose::Workload), issuer(Purpose::Device), issuer(Purpose::Document));
        Self { domain, now, root, workload, device, document, rng }
    }

    /// A workload's certificate.
    pub fn workload(&self, role: &str, dns: &[String], now: UnixMillis, lifetime: Duration) -> KeyMaterial {
        let id = SpiffeId::new(self.domain.clone(), role);
        issue_workload(&self.workload, &id, dns, &self.rng, now, lifetime).expect("a workload certificate")
    }

    /// A public server certificate.
    pub fn public_tls(&self, hostname: &str, now: UnixMillis, lifetime: Duration) -> KeyMaterial {
        issue_public_tls(&self.workload, hostname, &self.rng, now, lifetime).expect("a public certificate")
    }

    /// The hub's certificate.
    pub fn hub(&self) -> KeyMaterial {
        let (service, replica) = ("hub".to_owned(), "0".to_owned());
        let uri = MemberUri::Service { domain: self.domain.clone(), service, replica };
        issue_member_service(&self.device, &uri, &self.rng, self.now).expect("the hub's certificate")
    }

    /// The signer of documents.
    pub fn document_signer(&self) -> KeyMaterial {
        issue_document_signer(&self.document, &self.domain, &self.rng, self.now).expect("a document signer")
    }
}

/// A key as a Secret's data, signed by `issuer`.
pub fn data(key: &KeyMaterial, issuer: &KeyMaterial) -> Data {
    let (certificate, private) = key.to_pem();
    let issuer = certificates_to_pem(std::slice::from_ref(&issuer.certificate));
    [
        ("tls.crt", certificate.into_bytes()),
        ("tls.key", private.expose().clone().into_bytes()),
        ("ca.crt", issuer.into_bytes()),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect()
}

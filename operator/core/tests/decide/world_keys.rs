//! The keys of the little world: made as the driver would, read back, and what a service says that has loaded them.

use k8s_openapi::api::core::v1::Secret;
use wickr_base::SeededRng;
use wickr_operator_core::network::{KeyMake, KeySlot, KeyToIssue, SEAL};
use wickr_operator_core::{CertificatesAnswer, Role};
use wickr_operator_testkit::keys::{Data, data};
use wickr_pki::{
    KeyMaterial, Purpose, certificates_to_pem, issue_document_signer, issue_public_tls, issue_workload,
    new_issuer, root_pin,
};
use wickr_policy::RootPin;

use crate::world::{World, names, row};

impl World {
    /// What a service that has just read its files says of them.
    pub(crate) fn mounted(&self, role: Role) -> CertificatesAnswer {
        let seen = self.seen();
        let key = |slot| self.pin(slot);
        let trusts = seen.certificate(KeySlot::Tls(role)).map(|leaf| leaf.trusts.clone()).unwrap_or_default();
        CertificatesAnswer {
            public: key(KeySlot::PublicTls),
            workload: key(KeySlot::Tls(role)),
            trusts: trusts.iter().map(|der| root_pin(der.as_bytes()).unwrap().to_string()).collect(),
        }
    }

    /// The key in a slot, as services tell of it.
    pub(crate) fn pin(&self, slot: KeySlot) -> Option<String> {
        self.seen().certificate(slot).map(|leaf| RootPin(leaf.fingerprint).to_string())
    }

    /// Makes a key under the signer that is there; those of the first pass are known beforehand.
    pub(crate) fn make(&self, key: &KeyToIssue) -> Data {
        let known = &self.issuers;
        let first = self.live.value(row("Secret"), &key.key.name).is_none();
        let (rng, now, domain) = (SeededRng::new(self.version), self.now, &known.domain);
        let signer = key.key.signed_by.map(|slot| self.key(slot));
        let signed = || signer.as_ref().expect("a signer");
        let made = match &key.key.make {
            KeyMake::Random { bytes } => return Data::from([(SEAL.to_owned(), vec![7; *bytes])]),
            KeyMake::Root => known.root.clone(),
            KeyMake::Issuer(purpose) if matches!(key.key.slot, KeySlot::Next(_)) => {
                new_issuer(signed(), domain, *purpose, &rng, now).unwrap()
            }
            KeyMake::Issuer(Purpose::Workload) => known.workload.clone(),
            KeyMake::Issuer(Purpose::Device) => known.device.clone(),
            KeyMake::Issuer(Purpose::Document) => known.document.clone(),
            KeyMake::Workload { id, dns, lifetime } => {
                issue_workload(signed(), id, dns, &rng, now, *lifetime).unwrap()
            }
            KeyMake::PublicTls { hostname, lifetime } => {
                issue_public_tls(signed(), hostname, &rng, now, *lifetime).unwrap()
            }
            KeyMake::MemberService { .. } => known.hub(),
            KeyMake::DocumentSigner if first => known.document_signer(),
            KeyMake::DocumentSigner => issue_document_signer(signed(), domain, &rng, now).unwrap(),
        };
        let mut data = data(&made, signer.as_ref().unwrap_or(&made));
        if key.key.signed_by == Some(KeySlot::WorkloadIssuer) {
            let mut trusted = vec![signed().certificate.clone()];
            let all = wickr_pki::anchors(&self.seen().issuers(Purpose::Workload).unwrap_or_default());
            trusted.extend(all.into_iter().filter(|other| *other != signed().certificate));
            data.insert("ca.crt".to_owned(), certificates_to_pem(&trusted).into_bytes());
        }
        data
    }

    pub(crate) fn key(&self, slot: KeySlot) -> KeyMaterial {
        let secret: Secret = self.live.get(&names().secret(slot)).expect("the key is there");
        let data = secret.data.unwrap();
        KeyMaterial::from_pem(&data["tls.crt"].0, &data["tls.key"].0).unwrap()
    }
}

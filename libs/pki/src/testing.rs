//! A whole network's keys for tests.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use wickr_base::{DeviceId, Domain, MemberUri, SeededRng, UnixMillis, UserId};

use crate::{
    DeviceCertificate, KeyMaterial, PkiError, Purpose, SigningKey, check_device, issue_device,
    issue_document_signer, issue_member_service, issue_token_signer, new_issuer, new_root,
};

/// Root, issuers, signers, one device.
pub(crate) struct Pki {
    pub(crate) domain: Domain,
    pub(crate) now: UnixMillis,
    pub(crate) root: KeyMaterial,
    pub(crate) workload: KeyMaterial,
    pub(crate) device: KeyMaterial,
    pub(crate) document: KeyMaterial,
    pub(crate) document_signer: KeyMaterial,
    pub(crate) token_signer: KeyMaterial,
    pub(crate) hub: KeyMaterial,
    pub(crate) uri: MemberUri,
    pub(crate) device_key: SigningKey,
    pub(crate) device_leaf: CertificateDer<'static>,
}

pub(crate) fn rng() -> SeededRng {
    SeededRng::new(7)
}

impl Pki {
    pub(crate) fn new() -> Self {
        let rng = rng();
        let domain: Domain = "hq.example".parse().unwrap();
        let now = UnixMillis(1_800_000_000_000);
        let root = new_root(&domain, &rng, now).unwrap();
        let issuer = |purpose| new_issuer(&root, &domain, purpose, &rng, now).unwrap();
        let (workload, device, document) =
            (issuer(Purpose::Workload), issuer(Purpose::Device), issuer(Purpose::Document));
        let document_signer = issue_document_signer(&document, &domain, &rng, now).unwrap();
        let token_signer = issue_token_signer(&device, &domain, &rng, now).unwrap();
        let hub =
            MemberUri::Service { domain: domain.clone(), service: "hub".to_owned(), replica: "0".to_owned() };
        let hub = issue_member_service(&device, &hub, &rng, now).unwrap();
        let uri = MemberUri::Device {
            domain: domain.clone(),
            user: UserId::random(&rng),
            device: DeviceId::random(&rng),
        };
        let device_key = SigningKey::generate().unwrap();
        let end = now.plus(Duration::from_hours(90 * 24));
        let device_leaf = issue_device(&device, &uri, device_key.public().spki(), &rng, now, end).unwrap();
        Self {
            domain,
            now,
            root,
            workload,
            device,
            document,
            document_signer,
            token_signer,
            hub,
            uri,
            device_key,
            device_leaf,
        }
    }

    pub(crate) fn check_device(&self, leaf: &[u8], at: UnixMillis) -> Result<DeviceCertificate, PkiError> {
        check_device(leaf, std::slice::from_ref(&self.device.certificate), &self.domain, at)
    }
}

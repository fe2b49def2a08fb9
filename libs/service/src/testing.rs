//! A whole network's keys, documents and files for tests of services; nothing here runs in a service.
#![expect(clippy::unwrap_used, reason = "a test that can't set up its network can only stop")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use wickr_base::{Clock, DeviceId, Domain, Lifetime, MemberUri, SpiffeId, SystemRng, UserId};
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1, Identity, ServerTrust, WorkloadTrust, client_config};
use wickr_pki::trust::sign_document;
use wickr_pki::{
    CertificateDer, KeyMaterial, Purpose, SigningKey, certificates_to_pem, issue_device,
    issue_document_signer, issue_member_service, issue_public_tls, issue_workload, new_issuer, new_root,
    root_pin,
};
use wickr_policy::{Anchors, Der, NetworkDocument, RootPin, ServiceUrl, Suite, Urls};

use crate::{Config, KeyFiles, Listen, Tls, WorkloadFiles};

/// How long what a test network issues lives.
pub const LIFE: Duration = Duration::from_hours(90 * 24);

/// A network with all its keys.
#[derive(Debug)]
pub struct TestNetwork {
    /// Its name.
    pub domain: Domain,
    /// By which everything was issued.
    pub clock: Arc<dyn Clock>,
    /// The root.
    pub root: KeyMaterial,
    /// Issues workloads and the public certificate.
    pub workload_issuer: KeyMaterial,
    /// Issues devices, the hub's certificate, token signers.
    pub device_issuer: KeyMaterial,
    /// Issues the document signer.
    pub document_issuer: KeyMaterial,
    /// Signs documents.
    pub document_signer: KeyMaterial,
    /// The external sender of every room.
    pub hub: KeyMaterial,
    /// The device issuer that signed its certificate.
    pub hub_issuer: CertificateDer<'static>,
}

/// A device with its key and certificate.
#[derive(Debug)]
pub struct TestDevice {
    /// Who.
    pub uri: MemberUri,
    /// The person.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Its key.
    pub key: SigningKey,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
}

impl TestNetwork {
    /// A new network; two of the same name have different keys.
    pub fn new(domain: &str, clock: Arc<dyn Clock>) -> Self {
        let domain: Domain = domain.parse().unwrap();
        let (rng, now) = (SystemRng, clock.now());
        let root = new_root(&domain, &rng, now).unwrap();
        let issuer = |purpose| new_issuer(&root, &domain, purpose, &rng, now).unwrap();
        let (workload_issuer, device_issuer, document_issuer) =
            (issuer(Purpose::Workload), issuer(Purpose::Device), issuer(Purpose::Document));
        let document_signer = issue_document_signer(&document_issuer, &domain, &rng, now).unwrap();
        let uri =
            MemberUri::Service { domain: domain.clone(), service: "hub".to_owned(), replica: "0".to_owned() };
        let hub = issue_member_service(&device_issuer, &uri, &rng, now).unwrap();
        let hub_issuer = device_issuer.certificate.clone();
        Self {
            domain,
            clock,
            root,
            workload_issuer,
            device_issuer,
            document_issuer,
            document_signer,
            hub,
            hub_issuer,
        }
    }

    /// The pin of the root.
    pub fn pin(&self) -> RootPin {
        root_pin(&self.root.certificate).unwrap()
    }

    /// A document of that number, good for `LIFE`, whose services answer at these addresses.
    pub fn document(&self, number: u64, relay: &str, sso: &str) -> NetworkDocument {
        let der = |material: &KeyMaterial| Der::new(material.certificate.to_vec());
        let url = |text: &str| text.parse::<ServiceUrl>().unwrap();
        NetworkDocument {
            version: NetworkDocument::VERSION,
            domain: self.domain.clone(),
            number,
            issued_at: self.clock.now(),
            expires_at: self.clock.now().plus(LIFE),
            urls: Urls { relay: url(relay), sso: url(sso) },
            anchors: Anchors {
                workload: vec![der(&self.workload_issuer)],
                device: vec![der(&self.device_issuer)],
                document: vec![der(&self.document_issuer)],
                public_tls: Vec::new(),
            },
            roots: vec![der(&self.root)],
            hub_certificate: der(&self.hub),
            hub_issuer: (self.hub_issuer != self.device_issuer.certificate)
                .then(|| Der::new(self.hub_issuer.to_vec())),
            suite: Suite::P256,
        }
    }

    /// The document as it is put and served.
    pub fn sign(&self, document: &NetworkDocument) -> Bytes {
        let (issuer, root) = (&self.document_issuer.certificate, &self.root.certificate);
        sign_document(document, &self.document_signer, issuer, root).unwrap().to_json().into()
    }

    /// A new device of a new person.
    pub fn device(&self) -> TestDevice {
        self.device_of(UserId::random(&SystemRng))
    }

    /// A new device of that person.
    pub fn device_of(&self, user: UserId) -> TestDevice {
        let device = DeviceId::random(&SystemRng);
        let uri = MemberUri::Device { domain: self.domain.clone(), user, device };
        let key = SigningKey::generate().unwrap();
        let now = self.clock.now();
        let spki = key.public().spki();
        let certificate =
            issue_device(&self.device_issuer, &uri, spki, &SystemRng, now, now.plus(LIFE)).unwrap();
        TestDevice { uri, user, device, key, certificate }
    }

    /// A workload's certificate.
    pub fn workload(&self, role: &str) -> KeyMaterial {
        let id = SpiffeId::new(self.domain.clone(), role);
        issue_workload(&self.workload_issuer, &id, &[], &SystemRng, self.clock.now(), LIFE).unwrap()
    }

    /// A TLS client that is `role` and expects one of `servers` on an admin port.
    pub fn workload_client(&self, role: &str, servers: &[&str]) -> ClientConfig {
        let identity = Identity::from_material(&self.workload(role));
        let allowed = servers.iter().map(|role| SpiffeId::new(self.domain.clone(), role)).collect();
        let trust = WorkloadTrust { anchors: vec![self.workload_issuer.certificate.clone()], allowed };
        let alpn = [ALPN_H2, ALPN_HTTP1];
        client_config(Some(&identity), ServerTrust::Workload(trust), &alpn, Arc::clone(&self.clock)).unwrap()
    }

    /// A TLS client of a public port, knowing the network's anchors.
    pub fn public_client(&self, alpn: &[&[u8]]) -> ClientConfig {
        let trust = ServerTrust::Hostname(vec![self.workload_issuer.certificate.clone()]);
        client_config(None, trust, alpn, Arc::clone(&self.clock)).unwrap()
    }

    /// Writes certificate and key to `<folder>/<name>.crt` and `.key`.
    pub fn write(&self, folder: &Path, name: &str, material: &KeyMaterial) -> KeyFiles {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, material.certificate_pem()).unwrap();
        std::fs::write(&key, material.key_pem().expose()).unwrap();
        KeyFiles { certificate, key }
    }

    /// A certificate for the public port.
    pub fn public(&self, hostname: &str) -> KeyMaterial {
        issue_public_tls(&self.workload_issuer, hostname, &SystemRng, self.clock.now(), LIFE).unwrap()
    }

    /// All files of a service in `folder`, with ports chosen by the system, and the configuration that names
    /// them. The public certificate is for `127.0.0.1`.
    pub fn config<S>(&self, folder: &Path, role: &str, document: &NetworkDocument, service: S) -> Config<S> {
        let write = |name: &str, bytes: &[u8]| -> PathBuf {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let KeyFiles { certificate, key } = self.write(folder, "workload", &self.workload(role));
        let anchors = certificates_to_pem(std::slice::from_ref(&self.workload_issuer.certificate));
        let anchors = write("workload-anchors.crt", anchors.as_bytes());
        let here = "127.0.0.1:0".parse().unwrap();
        Config {
            domain: self.domain.clone(),
            data,
            listen: Listen { public: here, admin: here, metrics: here },
            tls: Tls {
                public: self.write(folder, "public", &self.public("127.0.0.1")),
                workload: WorkloadFiles { certificate, key, anchors },
            },
            document: write("document.json", &self.sign(document)),
            root: write("root.crt", self.root.certificate_pem().as_bytes()),
            drain: Lifetime::new(Duration::from_secs(20)),
            service,
        }
    }
}

//! Keys that are replaced while the services run: files and documents as the operator gives them, step by step.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use wickr_base::{SpiffeId, SystemRng};
use wickr_pki::tls::{ALPN_HTTP1, Identity, ServerTrust, WorkloadTrust, client_config};
use wickr_pki::{
    CertificateDer, KeyMaterial, Purpose, certificates_to_pem, issue_document_signer, new_issuer, root_pin,
};
use wickr_policy::{Der, NetworkDocument};

use crate::World;

const ROLES: [&str; 2] = ["sso", "relay"];

/// Services look at their files every few seconds.
const PATIENCE: Duration = Duration::from_mins(1);

impl World {
    /// From now on another key signs documents, under the same issuer.
    pub fn replace_document_key(&mut self) {
        let network = &mut self.network;
        let now = network.clock.now();
        network.document_signer =
            issue_document_signer(&network.document_issuer, &network.domain, &SystemRng, now).unwrap();
    }

    /// Makes a successor of the workload issuer; when this is over, both services trust both, and a document of that
    /// number names them.
    pub async fn announce_workload_issuer(&self, number: u64) -> KeyMaterial {
        let network = &self.network;
        let now = network.clock.now();
        let next = new_issuer(&network.root, &network.domain, Purpose::Workload, &SystemRng, now).unwrap();
        let both = [network.workload_issuer.certificate.clone(), next.certificate.clone()];
        self.trust(&both, number).await;
        next
    }

    /// The successor signs from now on; when this is over, both services show what it has signed.
    pub async fn move_to_workload_issuer(&mut self, next: KeyMaterial) {
        let both = [self.network.workload_issuer.certificate.clone(), next.certificate.clone()];
        self.network.workload_issuer = next;
        for role in ROLES {
            let (folder, network) = (self.folder_of(role), &self.network);
            let (workload, public) = (network.workload(role), network.public("127.0.0.1"));
            network.write(&folder, "workload", &workload);
            network.write(&folder, "public", &public);
            self.loads(role, &both, "workload", &key(&workload.certificate).into()).await;
            self.loads(role, &both, "public", &key(&public.certificate).into()).await;
        }
    }

    /// Nobody trusts the one before any more; a document of that number says so.
    pub async fn retire_workload_issuer(&self, number: u64) {
        self.trust(std::slice::from_ref(&self.network.workload_issuer.certificate), number).await;
    }

    /// Makes a successor of the device issuer; when this is over, both services have a document of that number, which
    /// names both.
    pub async fn announce_device_issuer(&self, number: u64) -> KeyMaterial {
        let network = &self.network;
        let now = network.clock.now();
        let next = new_issuer(&network.root, &network.domain, Purpose::Device, &SystemRng, now).unwrap();
        let mut document = self.document_number(number);
        document.anchors.device.push(Der::new(next.certificate.to_vec()));
        self.put(&document).await;
        next
    }

    /// The successor signs from now on; when this is over, sso says so.
    pub async fn move_to_device_issuer(&mut self, next: KeyMaterial) {
        self.network.device_issuer = next;
        let (network, folder) = (&self.network, self.folder_of("sso"));
        network.write(&folder, "device-issuer", &network.device_issuer);
        let present = Value::from(key(&network.device_issuer.certificate));
        let signs = |status: &Value| status["device_issuer"] == present;
        self.says("sso", std::slice::from_ref(&network.workload_issuer.certificate), signs).await;
    }

    /// Nobody trusts the one before any more; a document of that number says so.
    pub async fn retire_device_issuer(&self, number: u64) {
        self.put(&self.document_number(number)).await;
    }

    /// Gives both services a document, as the operator does.
    async fn put(&self, document: &NetworkDocument) {
        let body = self.network.sign(document);
        let issuers = [self.network.workload_issuer.certificate.clone()];
        for role in ROLES {
            self.put_to(role, &issuers, body.to_vec()).await;
        }
    }

    async fn put_to(&self, role: &str, issuers: &[CertificateDer<'static>], body: Vec<u8>) {
        let url = format!("https://{}/document", self.admin(role));
        let answer = self.operator_that_trusts(issuers, role).put(url).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    async fn trust(&self, issuers: &[CertificateDer<'static>], number: u64) {
        let mut document = self.document_number(number);
        document.anchors.workload = issuers.iter().map(|issuer| Der::new(issuer.to_vec())).collect();
        let body = self.network.sign(&document);
        let keys: Vec<Value> = issuers.iter().map(|issuer| key(issuer).into()).collect();
        for role in ROLES {
            std::fs::write(self.folder_of(role).join("workload-anchors.crt"), certificates_to_pem(issuers))
                .unwrap();
            self.loads(role, issuers, "trusts", &Value::from(keys.clone())).await;
            self.put_to(role, issuers, body.to_vec()).await;
        }
    }

    fn admin(&self, role: &str) -> std::net::SocketAddr {
        let service = if role == "relay" { &self.relay } else { &self.sso };
        service.as_ref().unwrap().addresses.admin
    }

    fn operator_that_trusts(&self, issuers: &[CertificateDer<'static>], role: &str) -> reqwest::Client {
        let network = &self.network;
        let trust = WorkloadTrust {
            anchors: issuers.to_vec(),
            allowed: vec![SpiffeId::new(network.domain.clone(), role)],
        };
        let identity = Identity::from_material(&network.workload("operator"));
        let server = ServerTrust::Workload(trust);
        let tls = client_config(Some(&identity), server, &[ALPN_HTTP1], Arc::clone(&network.clock)).unwrap();
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    /// Waits until a service says that it has loaded it.
    async fn loads(&self, role: &str, issuers: &[CertificateDer<'static>], what: &str, expected: &Value) {
        self.says(role, issuers, |status| status["certificates"][what] == *expected).await;
    }

    /// Waits until a service's status is so.
    async fn says(&self, role: &str, issuers: &[CertificateDer<'static>], so: impl Fn(&Value) -> bool) {
        let url = format!("https://{}/status", self.admin(role));
        let mut last = Value::Null;
        let asking = async {
            while !so(&last) {
                let answer = self.operator_that_trusts(issuers, role).get(&url).send().await.unwrap();
                last = answer.json().await.unwrap();
            }
        };
        let outcome = timeout(PATIENCE, asking).await;
        assert!(outcome.is_ok(), "{role} says {last:#}");
    }
}

fn key(certificate: &CertificateDer<'_>) -> String {
    root_pin(certificate).unwrap().to_string()
}

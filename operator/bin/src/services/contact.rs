//! What is needed to reach a network's services: the operator's identity there, and whom to believe (used by `call`).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ClientConfig;
use wickr_base::{Clock, SpiffeId};
use wickr_operator_kube::Key;
use wickr_pki::tls::{ALPN_HTTP1, Identity, ServerTrust, WorkloadTrust, client_config};
use wickr_pki::{CertificateDer, KeyMaterial, PkiError};
use wickr_policy::{Der, RootPin};

/// What a network's Secrets and document say about reaching its services.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `spiffe://<domain>/operator`.
    pub operator: KeyMaterial,
    /// The issuers of workload certificates: more than one while one follows another.
    pub workload: Vec<Der>,
    /// Who may sign public certificates.
    pub public: Vec<Der>,
    /// The root that the public document must lead to.
    pub root: RootPin,
}

/// Ready to be used for calls.
#[derive(Debug)]
pub struct Contact {
    credentials: Credentials,
    identity: Identity,
    clock: Arc<dyn Clock>,
}

/// The contacts of all networks.
#[derive(Debug, Default)]
pub struct Contacts(Mutex<HashMap<Key, Arc<Contact>>>);

impl Contacts {
    /// Keeps the credentials of a network; the contact is made anew only when they have changed.
    pub fn keep(&self, network: &Key, credentials: Credentials, clock: &Arc<dyn Clock>) {
        let mut contacts = self.0.lock();
        if contacts.get(network).is_some_and(|contact| contact.credentials.same(&credentials)) {
            return;
        }
        let identity = Identity::from_material(&credentials.operator);
        let contact = Contact { credentials, identity, clock: clock.clone() };
        contacts.insert(network.clone(), Arc::new(contact));
    }

    /// The contact of a network, once its keys are there.
    pub fn get(&self, network: &Key) -> Option<Arc<Contact>> {
        self.0.lock().get(network).cloned()
    }

    /// The network is gone, or its keys are.
    pub fn forget(&self, network: &Key) {
        self.0.lock().remove(network);
    }
}

impl Contact {
    /// TLS to the admin port of one workload.
    pub fn admin(&self, server: &SpiffeId) -> Result<ClientConfig, PkiError> {
        let trust = WorkloadTrust {
            anchors: wickr_pki::anchors(&self.credentials.workload),
            allowed: vec![server.clone()],
        };
        client_config(Some(&self.identity), ServerTrust::Workload(trust), &[ALPN_HTTP1], self.clock.clone())
    }

    /// TLS to a public port, as a client of the network would.
    pub fn public(&self) -> Result<ClientConfig, PkiError> {
        let anchors = self.credentials.public.iter();
        let anchors = anchors.map(|der| CertificateDer::from(der.as_bytes().to_vec())).collect();
        client_config(None, ServerTrust::Hostname(anchors), &[ALPN_HTTP1], self.clock.clone())
    }

    /// The root that the public document must lead to.
    pub fn root(&self) -> RootPin {
        self.credentials.root
    }

    /// Time, for judging the document.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }
}

impl Credentials {
    fn same(&self, other: &Self) -> bool {
        self.operator.certificate == other.operator.certificate
            && self.workload == other.workload
            && self.public == other.public
            && self.root == other.root
    }
}

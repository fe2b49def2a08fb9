//! Which certificates are in use, for `/status`: whoever replaces an issuer waits until everybody has loaded what
//! follows (how files are loaded: `reload`).

use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};
use wickr_pki::{certificates_from_pem, root_pin};

use crate::Reloading;

/// Both sides of a service, as they are in use now.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) public: Arc<Reloading<ServerConfig>>,
    pub(crate) admin: Arc<Reloading<ServerConfig>>,
}

impl Shown {
    /// Keys as `sha256:HEX` of their SubjectPublicKeyInfo: `public`, `workload`, and in `trusts` the issuers whose
    /// workloads are let in.
    pub(crate) fn report(&self) -> Value {
        let (public, admin) = (self.public.contents(), self.admin.contents());
        let first = |contents: &[Vec<u8>]| contents.first().and_then(|pem| keys(pem).into_iter().next());
        json!({
            "public": first(&public),
            "workload": first(&admin),
            "trusts": admin.get(2).map(|pem| keys(pem)).unwrap_or_default(),
        })
    }
}

/// The keys of the certificates in a file that is in use, so that it has been read in full already.
fn keys(pem: &[u8]) -> Vec<String> {
    let all = certificates_from_pem(pem).unwrap_or_default();
    all.iter().filter_map(|certificate| root_pin(certificate).ok()).map(|key| key.to_string()).collect()
}

//! What one side of a TLS connection shows, and whom the other side turned out to be.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use wickr_base::SpiffeId;

use crate::check::workload_id;
use crate::{KeyMaterial, PkiError, certificates_from_pem};

/// A chain, leaf first, and the leaf's private key (of any kind that AWS-LC knows: a customer may bring RSA).
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From the two PEM files of a TLS Secret.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let chain = certificates_from_pem(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| PkiError::Pem(format!("a private key: {error}")))?;
        Ok(Self { chain, key })
    }

    /// From a certificate that we issued.
    pub fn from_material(material: &KeyMaterial) -> Self {
        let key = PrivatePkcs8KeyDer::from(material.key.expose().clone());
        Self { chain: vec![material.certificate.clone()], key: PrivateKeyDer::Pkcs8(key) }
    }

    /// The certificates, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// The workload at the other end, from the certificates that the handshake has checked.
pub fn peer_workload(certificates: Option<&[CertificateDer<'_>]>) -> Option<SpiffeId> {
    workload_id(certificates?.first()?).ok()
}

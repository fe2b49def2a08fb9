//! A verified network document and what follows from it: whom to trust, where to go, which groups are ours.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use wickr_base::Domain;
use wickr_e2ee::{DeviceIssuers, Network, Suite};
use wickr_pki::check_member_chain;
use wickr_pki::tls::ServerTrust;
use wickr_pki::trust::TrustedDocument;
use wickr_policy::{Der, NetworkDocument, ServiceUrl};

use super::NetworkError;

/// A network document that led back to the pin.
#[derive(Debug, Clone)]
pub struct Believed {
    trusted: Arc<TrustedDocument>,
    suite: Suite,
}

impl Believed {
    /// Refused when the network's rooms go by a suite that this program does not have.
    pub(crate) fn new(trusted: TrustedDocument) -> Result<Self, NetworkError> {
        let suite = match trusted.document.suite {
            wickr_policy::Suite::P256 => Suite::P256,
            other => return Err(NetworkError::Suite(other)),
        };
        Ok(Self { trusted: Arc::new(trusted), suite })
    }

    /// What it says.
    pub fn document(&self) -> &NetworkDocument {
        &self.trusted.document
    }

    /// The network's name.
    pub fn domain(&self) -> &Domain {
        &self.trusted.document.domain
    }

    pub(crate) fn relay(&self) -> &ServiceUrl {
        &self.trusted.document.urls.relay
    }

    pub(crate) fn sso(&self) -> &ServiceUrl {
        &self.trusted.document.urls.sso
    }

    /// For TLS: the anchors that the document names, and no others.
    pub(crate) fn trust(&self) -> ServerTrust {
        ServerTrust::Hostname(ders(self.trusted.document.anchors.for_public_tls()))
    }

    /// Whether a device issuer that the document names has signed that device's certificate; its dates play no part.
    pub(crate) fn certifies(&self, certificate: &[u8]) -> bool {
        let document = &self.trusted.document;
        check_member_chain(certificate, &ders(&document.anchors.device), &document.domain).is_ok()
    }

    /// What the MLS engine has to know.
    pub(crate) fn network(&self) -> Network {
        let document = &self.trusted.document;
        Network {
            domain: document.domain.clone(),
            suite: self.suite,
            hub_certificate: document.hub_certificate.as_bytes().to_vec(),
            devices: Arc::new(DeviceIssuers {
                domain: document.domain.clone(),
                anchors: ders(&document.anchors.device),
            }),
        }
    }
}

fn ders(list: &[Der]) -> Vec<CertificateDer<'static>> {
    list.iter().map(|der| CertificateDer::from(der.as_bytes().to_vec())).collect()
}

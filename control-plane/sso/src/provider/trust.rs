//! Whom a provider's certificate is trusted by: the bundle given with it, else the system's authorities.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Why no trust could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// The bundle isn't PEM certificates.
    #[error("the CA bundle can't be read: {0}")]
    Bundle(String),
    /// The bundle has no certificate in it.
    #[error("the CA bundle holds no certificate (PEM, -----BEGIN CERTIFICATE-----)")]
    Empty,
    /// No bundle was given and the system has no authorities.
    #[error("no CA bundle was given, and this system has no certificate authorities: {0}")]
    NoSystemAuthorities(String),
    /// rustls refused.
    #[error("setting up TLS: {0}")]
    Tls(rustls::Error),
}

/// A client configuration that trusts exactly `ca_bundle_pem`, or the system's authorities without one.
pub(crate) fn client_config(ca_bundle_pem: Option<&str>) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match ca_bundle_pem {
        Some(pem) => bundle(pem)?,
        None => system()?,
    };
    let provider: CryptoProvider = rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn bundle(pem: &str) -> Result<RootCertStore, TrustError> {
    let certificates = wickr_pki::certificates_from_pem(pem.as_bytes())
        .map_err(|error| TrustError::Bundle(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| TrustError::Bundle(error.to_string()))?;
    }
    if roots.is_empty() { Err(TrustError::Empty) } else { Ok(roots) }
}

fn system() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs.into_iter().map(CertificateDer::into_owned));
    if roots.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TrustError::NoSystemAuthorities(why.join("; ")));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_certificates_is_refused_instead_of_trusting_the_system() {
        assert!(client_config(Some("")).is_err());
        assert!(
            client_config(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).is_err()
        );
    }
}

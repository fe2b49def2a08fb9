//! A certificate with its private key, and both as PEM, the form in which Secrets and files hold them.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use wickr_base::Secret;

use crate::jws::Signer;
use crate::{PkiError, SigningKey, describe, pem};

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct KeyMaterial {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its private key, PKCS#8 in DER.
    pub key: Secret<Vec<u8>>,
}

impl KeyMaterial {
    /// The certificate as PEM (`tls.crt`).
    pub fn certificate_pem(&self) -> String {
        pem::block("CERTIFICATE", &self.certificate)
    }

    /// The private key as PEM (`tls.key`).
    pub fn key_pem(&self) -> Secret<String> {
        Secret::new(pem::block("PRIVATE KEY", self.key.expose()))
    }

    /// Certificate and key as PEM (`tls.crt`, `tls.key`).
    pub fn to_pem(&self) -> (String, Secret<String>) {
        (self.certificate_pem(), self.key_pem())
    }

    /// Reads the first certificate and the key, and checks that they belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let certificate = certificates_from_pem(certificate)?.swap_remove(0);
        let key = PrivatePkcs8KeyDer::from_pem_slice(key)
            .map_err(|error| PkiError::Pem(format!("a PKCS#8 private key: {error}")))?;
        let key = Secret::new(key.secret_pkcs8_der().to_vec());
        Self::new(certificate, key)
    }

    /// Puts the two together when they belong together.
    pub fn new(certificate: CertificateDer<'static>, key: Secret<Vec<u8>>) -> Result<Self, PkiError> {
        let described = describe(&certificate)?;
        if SigningKey::from_pkcs8(key.expose())?.public().spki() != described.spki {
            return Err(PkiError::Mismatch(described.subject_or_uri()));
        }
        Ok(Self { certificate, key })
    }

    /// The private key, ready to sign.
    pub fn signing_key(&self) -> Result<SigningKey, PkiError> {
        SigningKey::from_pkcs8(self.key.expose())
    }

    /// A signer that sends this certificate along, and `rest` after it (its issuer, when readers need it).
    pub fn signer(&self, rest: &[CertificateDer<'static>]) -> Result<Signer, PkiError> {
        let chain = std::iter::once(&self.certificate).chain(rest).cloned().collect();
        Ok(Signer::new(self.signing_key()?, chain))
    }
}

/// All certificates of a PEM text, at least one; other blocks are passed over.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text)
        .map(|one| one.map(CertificateDer::into_owned))
        .collect::<Result<_, _>>()
        .map_err(|error| PkiError::Pem(format!("certificates: {error}")))?;
    if all.is_empty() {
        return Err(PkiError::Pem("there is no CERTIFICATE block".to_owned()));
    }
    Ok(all)
}

/// Certificates as PEM, one after the other (`ca.crt`).
pub fn certificates_to_pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| pem::block("CERTIFICATE", der)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Pki, rng};

    #[test]
    fn material_reads_back_from_pem_and_a_strangers_key_is_refused() {
        let pki = Pki::new();
        let (certificate, key) = pki.device.to_pem();
        let again = KeyMaterial::from_pem(certificate.as_bytes(), key.expose().as_bytes()).unwrap();
        assert_eq!(again.certificate, pki.device.certificate);
        assert_eq!(again.key.expose(), pki.device.key.expose());
        let other = crate::new_root(&pki.domain, &rng(), pki.now).unwrap();
        assert!(matches!(
            KeyMaterial::from_pem(certificate.as_bytes(), other.key_pem().expose().as_bytes()),
            Err(PkiError::Mismatch(_))
        ));
        assert!(matches!(certificates_from_pem(b"nothing"), Err(PkiError::Pem(_))));
        let both = certificates_to_pem(&[pki.root.certificate.clone(), pki.device.certificate.clone()]);
        assert_eq!(certificates_from_pem(both.as_bytes()).unwrap().len(), 2);
    }
}

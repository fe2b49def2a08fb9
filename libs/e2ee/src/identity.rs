//! Who we are in MLS: a certificate and the key it certifies. Used by a device (`member`) and by the hub (`observer`).

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use mls_rs_core::crypto::SignatureSecretKey;
use mls_rs_core::identity::{CertificateChain, SigningIdentity};
use wickr_base::{MemberUri, Secret, UnixMillis};

use crate::leaf::{Leaf, LeafError};

/// A leaf certificate with its signing key.
///
/// The key is the device: it never changes. A renewed certificate certifies the same key, because messages sealed in
/// an earlier epoch are opened with the key that the sender's leaf has now, and because session tokens are bound to it.
#[derive(Clone)]
pub struct Identity {
    certificate: Vec<u8>,
    leaf: Leaf,
    scalar: Secret<Vec<u8>>,
}

/// Why certificate and key don't make an identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// The certificate lacks what a leaf needs.
    #[error("reading the certificate: {0}")]
    Certificate(String),
    /// The key is not a P-256 key in PKCS#8.
    #[error("reading the signing key: it is not a P-256 key in PKCS#8 (RFC 5958)")]
    Key,
    /// They don't belong together.
    #[error("the signing key is not the key in the certificate of \"{0}\"")]
    Mismatch(MemberUri),
}

impl Identity {
    /// From the leaf certificate (DER) and the private key (PKCS#8 DER, RFC 5958).
    pub fn new(certificate: Vec<u8>, pkcs8: &Secret<Vec<u8>>) -> Result<Self, InvalidIdentity> {
        let leaf = parse(&certificate)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.expose())
            .map_err(|_| InvalidIdentity::Key)?;
        if pair.public_key().as_ref() != leaf.public_key {
            return Err(InvalidIdentity::Mismatch(leaf.uri));
        }
        let scalar = pair.private_key().as_be_bytes().map_err(|_| InvalidIdentity::Key)?;
        Ok(Self { certificate, leaf, scalar: Secret::new(scalar.as_ref().to_vec()) })
    }

    /// The same device with a renewed certificate: same URI, same key.
    pub fn renewed(&self, certificate: Vec<u8>) -> Result<Self, InvalidIdentity> {
        let leaf = parse(&certificate)?;
        if leaf.uri != self.leaf.uri || leaf.public_key != self.leaf.public_key {
            return Err(InvalidIdentity::Mismatch(leaf.uri));
        }
        Ok(Self { certificate, leaf, scalar: self.scalar.clone() })
    }

    /// The certificate's SAN URI.
    pub fn uri(&self) -> &MemberUri {
        &self.leaf.uri
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The last instant at which the certificate is valid.
    pub fn not_after(&self) -> UnixMillis {
        self.leaf.not_after
    }

    /// The first instant at which the certificate is valid.
    pub fn not_before(&self) -> UnixMillis {
        self.leaf.not_before
    }

    pub(crate) fn signing_identity(&self) -> SigningIdentity {
        signing_identity(self.certificate.clone(), self.leaf.public_key.clone())
    }

    pub(crate) fn signer(&self) -> SignatureSecretKey {
        SignatureSecretKey::new(self.scalar.expose().clone())
    }
}

fn parse(certificate: &[u8]) -> Result<Leaf, InvalidIdentity> {
    Leaf::parse(certificate).map_err(|error: LeafError| InvalidIdentity::Certificate(error.to_string()))
}

/// The credential of RFC 9420 section 5.3 with the leaf certificate only: the device intermediate is the anchor.
pub(crate) fn signing_identity(certificate: Vec<u8>, public_key: Vec<u8>) -> SigningIdentity {
    SigningIdentity::new(CertificateChain::from(vec![certificate]).into_credential(), public_key.into())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("uri", &self.leaf.uri).finish_non_exhaustive()
    }
}

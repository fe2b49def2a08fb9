//! What MLS needs to know of a device certificate: its URI, its time, its key. Trust in it: `network`.

use mls_rs_core::identity::{Credential, SigningIdentity};
use wickr_base::{MemberUri, UnixMillis};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// `id-ecPublicKey` with `prime256v1` (RFC 5480 section 2.1).
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const PRIME256V1: &str = "1.2.840.10045.3.1.7";

/// The fields of a leaf certificate, read but not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) uri: MemberUri,
    pub(crate) not_before: UnixMillis,
    pub(crate) not_after: UnixMillis,
    /// The uncompressed point (SEC 1 section 2.3.3), as it stands in an MLS leaf.
    pub(crate) public_key: Vec<u8>,
}

/// Why a certificate can't stand in a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LeafError {
    #[error("the credential is not X.509 with exactly one certificate")]
    Credential,
    #[error("the certificate is not one DER-encoded X.509 certificate")]
    Der,
    #[error("the certificate has no subject alternative name that is exactly one member URI")]
    Uri,
    #[error("the certificate's key is not an uncompressed P-256 point")]
    Key,
    #[error("the leaf's signature key is not the certificate's key")]
    OtherKey,
}

impl Leaf {
    /// Reads a DER certificate (RFC 5280 section 4.1).
    pub(crate) fn parse(der: &[u8]) -> Result<Self, LeafError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| LeafError::Der)?;
        if !rest.is_empty() {
            return Err(LeafError::Der);
        }
        let uri = match certificate.subject_alternative_name() {
            Ok(Some(names)) => match names.value.general_names.as_slice() {
                [GeneralName::URI(uri)] => uri.parse().map_err(|_| LeafError::Uri)?,
                _ => return Err(LeafError::Uri),
            },
            _ => return Err(LeafError::Uri),
        };
        let spki = certificate.public_key();
        let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let is_p256 = spki.algorithm.algorithm.to_id_string() == EC_PUBLIC_KEY
            && curve.is_some_and(|oid| oid.to_id_string() == PRIME256V1);
        let point = spki.subject_public_key.data.as_ref();
        if !is_p256 || point.len() != 65 || point[0] != 4 {
            return Err(LeafError::Key);
        }
        let validity = certificate.validity();
        Ok(Self {
            uri,
            not_before: UnixMillis::from_seconds(validity.not_before.timestamp()),
            not_after: UnixMillis::from_seconds(validity.not_after.timestamp()),
            public_key: point.to_vec(),
        })
    }

    /// Reads the certificate of an MLS leaf; its key must be the leaf's signature key (RFC 9420 section 5.3).
    pub(crate) fn of(identity: &SigningIdentity) -> Result<Self, LeafError> {
        let leaf = Self::parse(certificate_of(identity)?)?;
        if leaf.public_key != identity.signature_key.as_bytes() {
            return Err(LeafError::OtherKey);
        }
        Ok(leaf)
    }
}

/// The one certificate of an X.509 credential.
pub(crate) fn certificate_of(identity: &SigningIdentity) -> Result<&[u8], LeafError> {
    match &identity.credential {
        Credential::X509(chain) => match chain.as_slice() {
            [leaf] => Ok(leaf),
            _ => Err(LeafError::Credential),
        },
        _ => Err(LeafError::Credential),
    }
}

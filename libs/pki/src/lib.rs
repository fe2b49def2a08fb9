//! Certificate profiles and checks: root, purposes, workloads, devices; and what is signed under them.
//!
//! One algorithm (ECDSA on P-256 with SHA-256) and one provider (AWS-LC). No clock and no runtime: time and
//! serial numbers come from the caller; keys come from AWS-LC's own generator, which takes no other source.
//! rustls configurations stand behind the feature `tls`.

#![warn(missing_docs)]

mod chain;
mod check;
mod describe;
mod error;
mod issue;
mod key;
mod lineage;
mod material;
mod pem;
mod profile;

pub mod dpop;
pub mod jwk;
pub mod jws;
pub mod session;
#[cfg(feature = "tls")]
pub mod tls;
pub mod trust;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod testing;

pub use check::{
    DeviceCertificate, Leaf, MemberCertificate, check_device, check_member, check_member_chain,
    check_workload, parse_leaf,
};
pub use describe::{Description, anchors, describe, fingerprint_spki, root_pin};
pub use error::PkiError;
pub use issue::{
    cross_sign_root, issue_device, issue_document_signer, issue_member_service, issue_public_tls,
    issue_self_signed_tls, issue_token_signer, issue_workload, new_issuer, new_root,
};
pub use key::{SigningKey, VerifyingKey};
pub use lineage::check_issuer;
pub use material::{KeyMaterial, certificates_from_pem, certificates_to_pem};
pub use profile::{
    DOCUMENT_SIGNER, ISSUER_LIFE, MEMBER_SERVICE_LIFE, Purpose, ROOT_LIFE, SKEW, TOKEN_SIGNER,
    TOKEN_SIGNER_LIFE,
};
pub use rustls_pki_types::CertificateDer;

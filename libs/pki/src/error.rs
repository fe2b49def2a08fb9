//! What can go wrong with a key or a certificate, by the step that was attempted.

use wickr_base::{Domain, SpiffeId, UnixMillis};

/// Why a key or certificate could not be made, read or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// AWS-LC made no key.
    #[error("making a P-256 key: AWS-LC refused")]
    Generate,
    /// The bytes are no private key that we use.
    #[error("reading a private key: not a P-256 key in {0}")]
    PrivateKey(&'static str),
    /// The bytes are no public key that we use.
    #[error("reading a public key: not a P-256 key in {0}")]
    PublicKey(&'static str),
    /// AWS-LC did not sign.
    #[error("signing: AWS-LC refused")]
    Sign,
    /// The signature is another key's or of another message.
    #[error("the signature does not match the message and the key")]
    Signature,
    /// The text holds no such PEM block, or an unreadable one.
    #[error("reading PEM: {0}")]
    Pem(String),
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate of \"{0}\"")]
    Mismatch(String),
    /// The text can't be a name in a certificate.
    #[error("\"{0}\" can't stand in a certificate as a name")]
    Name(String),
    /// The issuer's certificate ends before a new one could begin.
    #[error("issuing for \"{subject}\": the issuer's certificate expired at {not_after}")]
    IssuerExpired {
        /// Whom the new certificate would be for.
        subject: String,
        /// The issuer's end.
        not_after: UnixMillis,
    },
    /// The certificate was not made.
    #[error("issuing for \"{subject}\"")]
    Issue {
        /// Whom it would be for.
        subject: String,
        /// Why.
        source: rcgen::Error,
    },
    /// The bytes are no certificate.
    #[error("reading a certificate: {0}")]
    Certificate(String),
    /// One of the anchors is no certificate.
    #[error("reading an anchor: {0}")]
    Anchor(webpki::Error),
    /// No chain leads from the certificate to an anchor.
    #[error("checking the chain: {0}")]
    Chain(webpki::Error),
    /// The certificate's time is over.
    #[error("the certificate expired at {not_after}; it is {now}")]
    Expired {
        /// Its end.
        not_after: UnixMillis,
        /// When it was judged.
        now: UnixMillis,
    },
    /// The certificate's time has not come.
    #[error("the certificate is valid from {not_before}; it is {now}")]
    NotYetValid {
        /// Its beginning.
        not_before: UnixMillis,
        /// When it was judged.
        now: UnixMillis,
    },
    /// The certificate is not of the kind it should be.
    #[error("the certificate is not a {kind} certificate: {why}")]
    Profile {
        /// What it should be.
        kind: &'static str,
        /// What is different.
        why: String,
    },
    /// The certificate is another network's.
    #[error("the certificate of \"{uri}\" is not of the network \"{domain}\"")]
    ForeignDomain {
        /// Whom it names.
        uri: String,
        /// Whom it should name.
        domain: Domain,
    },
    /// The certificate holds, but this workload has no business here.
    #[error("\"{id}\" is none of the workloads expected here ({})", expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Workload {
        /// Who it is.
        id: SpiffeId,
        /// Who it may be.
        expected: Vec<SpiffeId>,
    },
    /// A TLS configuration was refused by rustls.
    #[cfg(feature = "tls")]
    #[error("setting up TLS: {step}")]
    Tls {
        /// What was attempted.
        step: &'static str,
        /// Why not.
        source: rustls::Error,
    },
}

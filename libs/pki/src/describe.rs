//! What stands in a certificate, believed by nobody yet (who is believed: `check`).

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use wickr_base::UnixMillis;
use wickr_policy::{Der, RootPin};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Version;

use crate::PkiError;

/// The parts of a certificate that somebody here looks at. Unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The subject as text; empty for leaves of ours.
    pub subject: String,
    /// SAN: URIs.
    pub uris: Vec<String>,
    /// SAN: DNS names.
    pub dns: Vec<String>,
    /// SAN: IP addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// SAN: how many names in all, of any kind.
    pub names: usize,
    /// Valid from.
    pub not_before: UnixMillis,
    /// Valid until.
    pub not_after: UnixMillis,
    /// The public key as `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
    /// Whether it may sign certificates (basicConstraints).
    pub is_ca: bool,
    /// The bits of keyUsage (bit 0 = digitalSignature); `None` without that extension.
    pub key_usage: Option<u16>,
}

impl Description {
    /// The first URI, else the subject: for error messages.
    pub fn subject_or_uri(&self) -> String {
        self.uris.first().or(self.dns.first()).cloned().unwrap_or_else(|| self.subject.clone())
    }
}

/// Reads a certificate (X.509 version 3, nothing after it). Checks no signature and no date.
pub fn describe(der: &[u8]) -> Result<Description, PkiError> {
    let unreadable = |why: String| PkiError::Certificate(why);
    let (rest, certificate) = parse_x509_certificate(der).map_err(|error| unreadable(error.to_string()))?;
    if !rest.is_empty() {
        return Err(unreadable(format!("{} bytes follow it", rest.len())));
    }
    if certificate.version() != X509Version::V3 {
        return Err(unreadable("it is not of version 3".to_owned()));
    }
    let mut out = Description {
        subject: certificate.subject().to_string(),
        uris: Vec::new(),
        dns: Vec::new(),
        addresses: Vec::new(),
        names: 0,
        not_before: UnixMillis::from_seconds(certificate.validity().not_before.timestamp()),
        not_after: UnixMillis::from_seconds(certificate.validity().not_after.timestamp()),
        spki: certificate.public_key().raw.to_vec(),
        is_ca: false,
        key_usage: None,
    };
    // Fails on an extension that stands twice, so that no two readers can see different ones.
    certificate.extensions_map().map_err(|error| unreadable(error.to_string()))?;
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                out.names = san.general_names.len();
                for name in &san.general_names {
                    match name {
                        GeneralName::URI(uri) => out.uris.push((*uri).to_owned()),
                        GeneralName::DNSName(dns) => out.dns.push((*dns).to_owned()),
                        GeneralName::IPAddress(bytes) => out.addresses.extend(address(bytes)),
                        _ => {}
                    }
                }
            }
            ParsedExtension::BasicConstraints(constraints) => out.is_ca = constraints.ca,
            ParsedExtension::KeyUsage(usage) => out.key_usage = Some(usage.flags),
            ParsedExtension::ParseError { error } => return Err(unreadable(error.to_string())),
            _ => {}
        }
    }
    Ok(out)
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    <[u8; 4]>::try_from(bytes).map(Into::into).or_else(|_| <[u8; 16]>::try_from(bytes).map(Into::into)).ok()
}

/// SHA-256 of a certificate's `SubjectPublicKeyInfo`.
pub fn fingerprint_spki(certificate: &[u8]) -> Result<[u8; 32], PkiError> {
    Ok(sha256(&describe(certificate)?.spki))
}

/// The pin that stands for this root in join addresses and peers' specs.
pub fn root_pin(root: &[u8]) -> Result<RootPin, PkiError> {
    fingerprint_spki(root).map(RootPin)
}

/// The certificates of a document's list in the form that the checks take.
pub fn anchors(list: &[Der]) -> Vec<CertificateDer<'static>> {
    list.iter().map(|der| CertificateDer::from(der.as_bytes().to_vec())).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

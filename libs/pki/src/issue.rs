//! Making keys and certificates, one function a profile (who is who: `profile`; checking: `check`).
//!
//! Serial numbers come from the Rng given; keys from AWS-LC's own generator, which takes no other source.
//! A certificate begins `SKEW` before now and never ends after its issuer's.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use wickr_base::{Domain, MemberUri, Rng, SpiffeId, UnixMillis};

use crate::profile::{
    DOCUMENT_SIGNER, ISSUER_LIFE, MEMBER_SERVICE_LIFE, Purpose, ROOT_LIFE, SKEW, TOKEN_SIGNER,
    TOKEN_SIGNER_LIFE,
};
use crate::{KeyMaterial, PkiError, SigningKey, VerifyingKey, describe};

/// A network's root: ten years, signs issuers only.
pub fn new_root(domain: &Domain, rng: &dyn Rng, now: UnixMillis) -> Result<KeyMaterial, PkiError> {
    let subject = format!("{domain} root");
    let key = SigningKey::generate()?;
    let mut params = params(rng);
    set_life(&mut params, now, now.plus(ROOT_LIFE));
    params.distinguished_name = common_name(domain, "root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate =
        params.self_signed(&key).map_err(|source| PkiError::Issue { subject, source })?.der().clone();
    Ok(KeyMaterial { certificate, key: key.to_pkcs8()? })
}

/// The next root's key under the present root's signature: how a network proves which root will follow. It has the pin
/// of the next root, and stands for it among the roots of a network document until signing moves.
pub fn cross_sign_root(
    root: &KeyMaterial,
    next: &CertificateDer<'_>,
    domain: &Domain,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<CertificateDer<'static>, PkiError> {
    let described = describe(next)?;
    let subject = format!("{domain} root");
    let public = SubjectPublicKeyInfo::from_der(&described.spki)
        .map_err(|source| PkiError::Issue { subject: subject.clone(), source })?;
    let mut params = params(rng);
    params.distinguished_name = common_name(domain, "root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    signed(root, params, &public, &subject, now, described.not_after)
}

/// An issuer for one purpose: five years, signs leaves only. Those of devices and documents may name no host,
/// so that their keys could never stand in for a server.
pub fn new_issuer(
    root: &KeyMaterial,
    domain: &Domain,
    purpose: Purpose,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<KeyMaterial, PkiError> {
    let mut params = params(rng);
    params.distinguished_name = common_name(domain, &format!("{purpose} issuer"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    if purpose != Purpose::Workload {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![
                GeneralSubtree::DnsName(String::new()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
                GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
            ],
        });
    }
    with_new_key(root, params, &format!("{domain} {purpose} issuer"), now, now.plus(ISSUER_LIFE))
}

/// A service's certificate towards other services: SPIFFE id and DNS names, client and server.
pub fn issue_workload(
    issuer: &KeyMaterial,
    id: &SpiffeId,
    dns: &[String],
    rng: &dyn Rng,
    now: UnixMillis,
    lifetime: Duration,
) -> Result<KeyMaterial, PkiError> {
    let mut params = leaf(rng, &id.to_string())?;
    for name in dns {
        params.subject_alt_names.push(host_name(name)?);
    }
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    with_new_key(issuer, params, &id.to_string(), now, now.plus(lifetime))
}

/// A public server's certificate: host name (or IP address) only.
pub fn issue_public_tls(
    issuer: &KeyMaterial,
    hostname: &str,
    rng: &dyn Rng,
    now: UnixMillis,
    lifetime: Duration,
) -> Result<KeyMaterial, PkiError> {
    let mut params = params(rng);
    params.subject_alt_names = vec![host_name(hostname)?];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    with_new_key(issuer, params, hostname, now, now.plus(lifetime))
}

/// A server's certificate that vouches for itself, for one host name (or IP address): whoever trusts it trusts this
/// server under this name, and nobody else under any.
pub fn issue_self_signed_tls(
    hostname: &str,
    rng: &dyn Rng,
    now: UnixMillis,
    lifetime: Duration,
) -> Result<KeyMaterial, PkiError> {
    let key = SigningKey::generate()?;
    let mut params = params(rng);
    set_life(&mut params, now, now.plus(lifetime));
    params.distinguished_name.push(DnType::CommonName, &hostname[hostname.len().saturating_sub(64)..]);
    params.subject_alt_names = vec![host_name(hostname)?];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let failed = |source| PkiError::Issue { subject: hostname.to_owned(), source };
    let certificate = params.self_signed(&key).map_err(failed)?.der().clone();
    Ok(KeyMaterial { certificate, key: key.to_pkcs8()? })
}

/// A device's certificate, for a key that only the device holds: the member URI and nothing else.
pub fn issue_device(
    issuer: &KeyMaterial,
    uri: &MemberUri,
    spki_der: &[u8],
    rng: &dyn Rng,
    now: UnixMillis,
    not_after: UnixMillis,
) -> Result<CertificateDer<'static>, PkiError> {
    VerifyingKey::from_spki(spki_der)?;
    let subject = uri.to_string();
    let public = SubjectPublicKeyInfo::from_der(spki_der)
        .map_err(|source| PkiError::Issue { subject: subject.clone(), source })?;
    let params = leaf(rng, &subject)?;
    signed(issuer, params, &public, &subject, now, not_after)
}

/// The certificate of a service that is a member, or speaks for the hub as external sender. Long-lived,
/// because members compare it byte for byte.
pub fn issue_member_service(
    device_issuer: &KeyMaterial,
    uri: &MemberUri,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<KeyMaterial, PkiError> {
    let params = leaf(rng, &uri.to_string())?;
    with_new_key(device_issuer, params, &uri.to_string(), now, now.plus(MEMBER_SERVICE_LIFE))
}

/// Who signs network documents; lives as long as its issuer.
pub fn issue_document_signer(
    document_issuer: &KeyMaterial,
    domain: &Domain,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<KeyMaterial, PkiError> {
    let uri = SpiffeId::new(domain.clone(), DOCUMENT_SIGNER).to_string();
    let params = leaf(rng, &uri)?;
    with_new_key(document_issuer, params, &uri, now, now.plus(ISSUER_LIFE))
}

/// Who signs session tokens: 24 hours; sso makes a new one before its end.
pub fn issue_token_signer(
    device_issuer: &KeyMaterial,
    domain: &Domain,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<KeyMaterial, PkiError> {
    let uri = SpiffeId::new(domain.clone(), TOKEN_SIGNER).to_string();
    let params = leaf(rng, &uri)?;
    with_new_key(device_issuer, params, &uri, now, now.plus(TOKEN_SIGNER_LIFE))
}

fn params(rng: &dyn Rng) -> CertificateParams {
    let mut params = CertificateParams::default();
    // 16 bytes, positive and not zero (RFC 5280 section 4.1.2.2: at most 20, unpredictable).
    let mut serial: [u8; 16] = rng.bytes();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::NoCa;
    params.use_authority_key_identifier_extension = true;
    params
}

fn leaf(rng: &dyn Rng, uri: &str) -> Result<CertificateParams, PkiError> {
    let mut params = params(rng);
    let name = uri.try_into().map_err(|_| PkiError::Name(uri.to_owned()))?;
    params.subject_alt_names = vec![SanType::URI(name)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn host_name(name: &str) -> Result<SanType, PkiError> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into().map_err(|_| PkiError::Name(name.to_owned()))?)),
    }
}

/// `CN=<domain> <what>`; a long domain is cut on the left, because a common name has at most 64 characters
/// (RFC 5280 appendix A.1). It says which purpose an issuer has (`lineage`).
fn common_name(domain: &Domain, what: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name_text(domain, what));
    name
}

pub(crate) fn common_name_text(domain: &Domain, what: &str) -> String {
    let text = format!("{domain} {what}");
    text[text.len().saturating_sub(64)..].to_owned()
}

fn with_new_key(
    issuer: &KeyMaterial,
    params: CertificateParams,
    subject: &str,
    now: UnixMillis,
    not_after: UnixMillis,
) -> Result<KeyMaterial, PkiError> {
    let key = SigningKey::generate()?;
    let certificate = signed(issuer, params, &key, subject, now, not_after)?;
    Ok(KeyMaterial { certificate, key: key.to_pkcs8()? })
}

fn signed(
    issuer: &KeyMaterial,
    mut params: CertificateParams,
    public: &impl PublicKeyData,
    subject: &str,
    now: UnixMillis,
    not_after: UnixMillis,
) -> Result<CertificateDer<'static>, PkiError> {
    let issuers_end = describe(&issuer.certificate)?.not_after;
    if issuers_end <= now {
        return Err(PkiError::IssuerExpired { subject: subject.to_owned(), not_after: issuers_end });
    }
    set_life(&mut params, now, not_after.min(issuers_end));
    let failed = |source| PkiError::Issue { subject: subject.to_owned(), source };
    let by = Issuer::from_ca_cert_der(&issuer.certificate, issuer.signing_key()?).map_err(failed)?;
    Ok(params.signed_by(public, &by).map_err(failed)?.der().clone())
}

/// Sets both ends, in whole seconds, from `SKEW` before now on.
fn set_life(params: &mut CertificateParams, now: UnixMillis, not_after: UnixMillis) {
    // The last second that X.509 can write (RFC 5280 section 4.1.2.5).
    const LAST: i64 = 253_402_300_799;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |at: UnixMillis| Duration::from_secs(at.seconds().clamp(0, LAST).unsigned_abs());
    params.not_before = epoch + seconds(now.minus(SKEW));
    params.not_after = epoch + seconds(not_after);
}

impl PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_der(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

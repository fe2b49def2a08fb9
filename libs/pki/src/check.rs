//! Who a certificate speaks for, once its chain and its profile hold (how it was made: `issue`).

use rustls_pki_types::CertificateDer;
use wickr_base::{DeviceId, Domain, MemberUri, SpiffeId, UnixMillis, UserId};

use crate::chain::{Usage, check_chain};
use crate::{Description, PkiError, VerifyingKey, describe};

/// A leaf with exactly one URI, read but not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its one SAN URI.
    pub uri: String,
    /// Valid from.
    pub not_before: UnixMillis,
    /// Valid until.
    pub not_after: UnixMillis,
    /// The public key as `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
}

/// A member's certificate whose chain and profile hold: a device's, or a service's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberCertificate {
    /// Who.
    pub uri: MemberUri,
    /// Valid from.
    pub not_before: UnixMillis,
    /// Valid until.
    pub not_after: UnixMillis,
    /// Its key: what MLS, DPoP and the relay's challenge are signed with.
    pub public_key: VerifyingKey,
}

/// A device's certificate whose chain and profile hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCertificate {
    /// Who, as it stands in the certificate.
    pub uri: MemberUri,
    /// The person.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Valid from.
    pub not_before: UnixMillis,
    /// Valid until.
    pub not_after: UnixMillis,
    /// Its key: what MLS, DPoP and the relay's challenge are signed with.
    pub public_key: VerifyingKey,
}

/// Reads a leaf that has exactly one URI and is no authority. Checks no signature and no date.
pub fn parse_leaf(der: &[u8]) -> Result<Leaf, PkiError> {
    let described = describe(der)?;
    let uri = one_uri(&described, "leaf")?.to_owned();
    let Description { not_before, not_after, spki, .. } = described;
    Ok(Leaf { uri, not_before, not_after, spki })
}

/// Checks a device's leaf at `at`: chain to one of the device issuers, profile, network, key.
///
/// About 100 µs. The leaf alone is enough: the issuer is the anchor.
pub fn check_device(
    leaf_der: &[u8],
    anchors: &[CertificateDer<'_>],
    domain: &Domain,
    at: UnixMillis,
) -> Result<DeviceCertificate, PkiError> {
    let MemberCertificate { uri, not_before, not_after, public_key } =
        check_member(leaf_der, anchors, domain, at)?;
    let (user, device) = uri
        .device()
        .ok_or_else(|| PkiError::Profile { kind: "device", why: format!("\"{uri}\" is a service's") })?;
    Ok(DeviceCertificate { uri, user, device, not_before, not_after, public_key })
}

/// Checks the leaf of a member, device or service, at `at`.
pub fn check_member(
    leaf_der: &[u8],
    anchors: &[CertificateDer<'_>],
    domain: &Domain,
    at: UnixMillis,
) -> Result<MemberCertificate, PkiError> {
    let member = member_profile(leaf_der, domain)?;
    check_chain(leaf_der, &[], anchors, at, Usage::Client)?;
    Ok(member)
}

/// The same without regard to the leaf's dates: for what entered the log when the leaf was valid.
/// (Joiners judge chains only; expiry was judged by the relay's time.)
pub fn check_member_chain(
    leaf_der: &[u8],
    anchors: &[CertificateDer<'_>],
    domain: &Domain,
) -> Result<MemberCertificate, PkiError> {
    let member = member_profile(leaf_der, domain)?;
    check_chain(leaf_der, &[], anchors, member.not_before, Usage::Client)?;
    Ok(member)
}

/// Checks a workload's chain (leaf first) at `at`; the anchors are workload issuers.
pub fn check_workload(
    chain: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    at: UnixMillis,
) -> Result<SpiffeId, PkiError> {
    check_workload_as(chain, anchors, at, Usage::Client)
}

pub(crate) fn check_workload_as(
    chain: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    at: UnixMillis,
    usage: Usage,
) -> Result<SpiffeId, PkiError> {
    let (leaf, between) = chain
        .split_first()
        .ok_or_else(|| PkiError::Certificate("the chain has no certificate".to_owned()))?;
    check_chain(leaf, between, anchors, at, usage)?;
    workload_id(leaf)
}

/// The SPIFFE id of a workload certificate that was checked before (by the TLS handshake).
pub(crate) fn workload_id(leaf: &[u8]) -> Result<SpiffeId, PkiError> {
    const KIND: &str = "workload";
    let described = describe(leaf)?;
    let uri = one_uri(&described, KIND)?;
    uri.parse().map_err(|error| PkiError::Profile { kind: KIND, why: format!("{error}") })
}

/// Checks a signer's chain to one of `anchors` at `at`, and that it is `role` of `domain`.
pub(crate) fn check_signer(
    chain: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    domain: Option<&Domain>,
    role: &'static str,
    at: UnixMillis,
) -> Result<(SpiffeId, VerifyingKey), PkiError> {
    let id = check_workload(chain, anchors, at)?;
    if let Some(domain) = domain
        && id.domain != *domain
    {
        return Err(PkiError::ForeignDomain { uri: id.to_string(), domain: domain.clone() });
    }
    if id.role != role {
        return Err(PkiError::Profile { kind: role, why: format!("it is that of \"{id}\"") });
    }
    let described = describe(&chain[0])?;
    only_signs(&described, role)?;
    Ok((id, VerifyingKey::from_spki(&described.spki)?))
}

fn member_profile(leaf_der: &[u8], domain: &Domain) -> Result<MemberCertificate, PkiError> {
    const KIND: &str = "member";
    let described = describe(leaf_der)?;
    let refuse = |why: String| PkiError::Profile { kind: KIND, why };
    let uri = one_uri(&described, KIND)?;
    let uri: MemberUri = uri.parse().map_err(|error| refuse(format!("{error}")))?;
    if uri.domain() != domain {
        return Err(PkiError::ForeignDomain { uri: uri.to_string(), domain: domain.clone() });
    }
    if described.names != 1 || !described.subject.is_empty() {
        return Err(refuse("it names more than one URI".to_owned()));
    }
    only_signs(&described, KIND)?;
    Ok(MemberCertificate {
        uri,
        not_before: described.not_before,
        not_after: described.not_after,
        public_key: VerifyingKey::from_spki(&described.spki)?,
    })
}

fn only_signs(described: &Description, kind: &'static str) -> Result<(), PkiError> {
    if described.key_usage == Some(1) {
        Ok(())
    } else {
        Err(PkiError::Profile { kind, why: "its key usage is not digitalSignature alone".to_owned() })
    }
}

fn one_uri<'a>(described: &'a Description, kind: &'static str) -> Result<&'a str, PkiError> {
    let refuse = |why: String| PkiError::Profile { kind, why };
    if described.is_ca {
        return Err(refuse("it is an authority's".to_owned()));
    }
    match described.uris.as_slice() {
        [uri] => Ok(uri),
        other => Err(refuse(format!("it names {} URIs instead of one", other.len()))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{Pki, rng};
    use crate::{Purpose, issue_device, issue_member_service, issue_workload, new_issuer, new_root};

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_device_is_known_by_the_uri_in_its_leaf() {
        let pki = Pki::new();
        let device = pki.check_device(&pki.device_leaf, pki.now).unwrap();
        assert_eq!(device.uri, pki.uri);
        assert_eq!(Some((device.user, device.device)), pki.uri.device());
        assert_eq!(&device.public_key, pki.device_key.public());
        assert_eq!(parse_leaf(&pki.device_leaf).unwrap().uri, pki.uri.to_string());
    }

    #[test]
    fn a_device_is_refused_before_and_after_its_time_but_its_chain_still_holds() {
        let pki = Pki::new();
        let late = pki.now.plus(DAY * 91);
        assert!(matches!(pki.check_device(&pki.device_leaf, late), Err(PkiError::Expired { .. })));
        let early = pki.now.minus(DAY);
        assert!(matches!(pki.check_device(&pki.device_leaf, early), Err(PkiError::NotYetValid { .. })));
        let anchors = [pki.device.certificate.clone()];
        assert_eq!(check_member_chain(&pki.device_leaf, &anchors, &pki.domain).unwrap().uri, pki.uri);
    }

    #[test]
    fn a_certificate_of_another_purpose_or_another_root_is_no_device() {
        let pki = Pki::new();
        for anchor in [&pki.workload, &pki.document] {
            let anchors = [anchor.certificate.clone()];
            let refused = check_device(&pki.device_leaf, &anchors, &pki.domain, pki.now);
            assert!(matches!(refused, Err(PkiError::Chain(_))), "{refused:?}");
        }
        // The same names, another key.
        let stranger = new_root(&pki.domain, &rng(), pki.now).unwrap();
        let issuer = new_issuer(&stranger, &pki.domain, Purpose::Device, &rng(), pki.now).unwrap();
        let spki = pki.device_key.public().spki();
        let leaf = issue_device(&issuer, &pki.uri, spki, &rng(), pki.now, pki.now.plus(DAY)).unwrap();
        assert!(matches!(pki.check_device(&leaf, pki.now), Err(PkiError::Chain(_))));
        // The root alone is no anchor for a leaf that comes without its issuer.
        let anchors = [pki.root.certificate.clone()];
        assert!(check_device(&pki.device_leaf, &anchors, &pki.domain, pki.now).is_err());
        assert!(check_device(&pki.device_leaf, &[], &pki.domain, pki.now).is_err());
    }

    #[test]
    fn after_a_change_of_issuer_leaves_of_both_are_good() {
        let pki = Pki::new();
        let next = new_issuer(&pki.root, &pki.domain, Purpose::Device, &rng(), pki.now).unwrap();
        let anchors = [next.certificate.clone(), pki.device.certificate.clone()];
        let spki = pki.device_key.public().spki();
        let leaf = issue_device(&next, &pki.uri, spki, &rng(), pki.now, pki.now.plus(DAY)).unwrap();
        for leaf in [&leaf, &pki.device_leaf] {
            check_device(leaf, &anchors, &pki.domain, pki.now).unwrap();
        }
    }

    #[test]
    fn a_leaf_of_another_network_is_refused_even_under_our_issuer() {
        let pki = Pki::new();
        let foreign = MemberUri::Service {
            domain: "field.example".parse().unwrap(),
            service: "hub".to_owned(),
            replica: "0".to_owned(),
        };
        let leaf = issue_member_service(&pki.device, &foreign, &rng(), pki.now).unwrap();
        let anchors = [pki.device.certificate.clone()];
        let refused = check_member(&leaf.certificate, &anchors, &pki.domain, pki.now);
        assert!(matches!(refused, Err(PkiError::ForeignDomain { .. })));
    }

    #[test]
    fn a_service_is_a_member_and_no_device() {
        let pki = Pki::new();
        let anchors = [pki.device.certificate.clone()];
        let hub = &pki.hub.certificate;
        assert!(check_member(hub, &anchors, &pki.domain, pki.now).unwrap().uri.device().is_none());
        assert!(matches!(pki.check_device(hub, pki.now), Err(PkiError::Profile { .. })));
        let signer = &pki.token_signer.certificate;
        assert!(matches!(pki.check_device(signer, pki.now), Err(PkiError::Profile { .. })));
    }

    #[test]
    fn an_issuer_is_no_leaf() {
        let pki = Pki::new();
        let anchors = [pki.root.certificate.clone()];
        assert!(check_device(&pki.device.certificate, &anchors, &pki.domain, pki.now).is_err());
        assert!(check_workload(std::slice::from_ref(&pki.workload.certificate), &anchors, pki.now).is_err());
    }

    #[test]
    fn a_leaf_can_sign_no_further_leaf() {
        let pki = Pki::new();
        let id = SpiffeId::new(pki.domain.clone(), "relay");
        let relay = issue_workload(&pki.workload, &id, &[], &rng(), pki.now, DAY).unwrap();
        let forged = SpiffeId::new(pki.domain.clone(), "operator");
        let forged = issue_workload(&relay, &forged, &[], &rng(), pki.now, DAY).unwrap();
        let anchors = [pki.workload.certificate.clone()];
        let chain = [forged.certificate, relay.certificate.clone()];
        assert!(check_workload(&chain, &anchors, pki.now).is_err());
        assert_eq!(check_workload(&chain[1..], &anchors, pki.now).unwrap(), id);
    }

    #[test]
    fn no_leaf_outlives_its_issuer_and_a_dead_issuer_issues_nothing() {
        let pki = Pki::new();
        let issuers_end = crate::describe(&pki.device.certificate).unwrap().not_after;
        assert_eq!(crate::describe(&pki.hub.certificate).unwrap().not_after, issuers_end);
        let refused = issue_member_service(&pki.device, &pki.uri, &rng(), issuers_end);
        assert!(matches!(refused, Err(PkiError::IssuerExpired { .. })));
    }

    #[test]
    fn device_issuers_may_name_no_host() {
        let pki = Pki::new();
        let (id, host) = (SpiffeId::new(pki.domain.clone(), "relay"), "chat.hq.example".to_owned());
        let server = issue_workload(&pki.device, &id, &[host], &rng(), pki.now, DAY).unwrap();
        let anchors = [pki.device.certificate.clone()];
        let refused = check_chain(&server.certificate, &[], &anchors, pki.now, Usage::Client);
        assert!(matches!(refused, Err(PkiError::Chain(webpki::Error::NameConstraintViolation))));
    }
}

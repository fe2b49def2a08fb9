//! Which authorities a root itself has signed: issuers by purpose, and the root that is to follow it. webpki judges only
//! what ends in a leaf (`chain`); here the certificate in question is an authority.

use wickr_base::Domain;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::parse_x509_certificate;

use crate::issue::common_name_text;
use crate::{PkiError, Purpose, VerifyingKey, describe};

/// Checks that a root signed this issuer, and for this purpose: with the issuer of another purpose in its place, that
/// one's key would reach further than it should.
pub fn check_issuer(
    issuer: &[u8],
    roots: &[&[u8]],
    domain: &Domain,
    purpose: Purpose,
) -> Result<(), PkiError> {
    check_authority(issuer, roots, &common_name_text(domain, &format!("{purpose} issuer")), "issuer")?;
    Ok(())
}

/// Checks that a root signed this one as its equal: an issuer of leaves, which it signed too, is none.
pub(crate) fn check_next_root(next: &[u8], root: &[u8], domain: &Domain) -> Result<(), PkiError> {
    let path = check_authority(next, &[root], &common_name_text(domain, "root"), "root")?;
    match path {
        Some(0) => Err(refuse("root", "it may sign leaves only".to_owned())),
        _ => Ok(()),
    }
}

/// Signature, form and name; gives how many authorities may stand below it. Dates are not judged, as with any anchor.
fn check_authority(
    der: &[u8],
    roots: &[&[u8]],
    name: &str,
    kind: &'static str,
) -> Result<Option<u32>, PkiError> {
    let described = describe(der)?;
    if !described.is_ca || described.names != 0 {
        return Err(refuse(kind, "it is not an authority's".to_owned()));
    }
    if described.subject != format!("CN={name}") {
        return Err(refuse(kind, format!("it is that of \"{}\", not of \"{name}\"", described.subject)));
    }
    // describe() has read it in full.
    let unreadable = |error: x509_parser::nom::Err<_>| PkiError::Certificate(format!("{error}"));
    let (_, parsed) = parse_x509_certificate(der).map_err(unreadable)?;
    let outer = &parsed.signature_algorithm;
    if outer.algorithm != OID_SIG_ECDSA_WITH_SHA256 || *outer != parsed.tbs_certificate.signature {
        return Err(refuse(kind, "it is not signed with ECDSA and SHA-256".to_owned()));
    }
    let signed = parsed.tbs_certificate.as_ref();
    let by = |root: &&[u8]| {
        let key = VerifyingKey::from_spki(&describe(root).ok()?.spki).ok()?;
        key.verify_der(signed, &parsed.signature_value.data).ok()
    };
    if roots.iter().find_map(by).is_none() {
        return Err(refuse(kind, "no root that is trusted has signed it".to_owned()));
    }
    let constraints = parsed.basic_constraints().ok().flatten();
    Ok(constraints.and_then(|constraints| constraints.value.path_len_constraint))
}

fn refuse(kind: &'static str, why: String) -> PkiError {
    PkiError::Profile { kind, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Pki, rng};
    use crate::{cross_sign_root, new_root};

    #[test]
    fn an_issuer_is_one_for_its_purpose_and_under_its_root_alone() {
        let (pki, other) = (Pki::new(), Pki::new());
        let (root, foreign) = (pki.root.certificate.as_ref(), other.root.certificate.as_ref());
        let check = |der: &[u8], roots: &[&[u8]], purpose| check_issuer(der, roots, &pki.domain, purpose);
        check(&pki.device.certificate, &[root], Purpose::Device).unwrap();
        check(&pki.device.certificate, &[foreign, root], Purpose::Device).unwrap();
        assert!(check(&pki.device.certificate, &[foreign], Purpose::Device).is_err());
        assert!(check(&pki.device.certificate, &[root], Purpose::Workload).is_err());
        assert!(check(&pki.hub.certificate, &[root], Purpose::Device).is_err());
        assert!(check(&pki.device.certificate, &[], Purpose::Device).is_err());
        assert!(check(&pki.root.certificate, &[root], Purpose::Device).is_err());
    }

    #[test]
    fn a_next_root_is_what_the_present_one_has_signed_as_a_root() {
        let pki = Pki::new();
        let root = pki.root.certificate.as_ref();
        let next = new_root(&pki.domain, &rng(), pki.now).unwrap();
        let crossed = cross_sign_root(&pki.root, &next.certificate, &pki.domain, &rng(), pki.now).unwrap();
        check_next_root(&crossed, root, &pki.domain).unwrap();
        assert_eq!(crate::root_pin(&crossed).unwrap(), crate::root_pin(&next.certificate).unwrap());
        assert!(check_next_root(&next.certificate, root, &pki.domain).is_err(), "signed by itself");
        for issuer in [&pki.device, &pki.workload, &pki.document] {
            assert!(check_next_root(&issuer.certificate, root, &pki.domain).is_err());
        }
        let by_issuer =
            cross_sign_root(&pki.document, &next.certificate, &pki.domain, &rng(), pki.now).unwrap();
        assert!(check_next_root(&by_issuer, root, &pki.domain).is_err());
    }
}

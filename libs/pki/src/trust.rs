//! From a pin to a network document that is believed: signing it, and checking what a network serves.
//!
//! Pin -> root -> document issuer -> document key -> signature; the issuer must also stand in the document's
//! own anchors, and the root among its roots. Clients and services use this one function.
//!
//! The document key says which of the network's certificates are in use and where its services answer; it makes no new
//! authority: every anchor, the hub's certificate and every further root must lead to a root that is trusted already.
//! (`public_tls` is the customer's own and leads nowhere: for TLS alone.)

use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use wickr_base::UnixMillis;
use wickr_policy::{Der, DocumentError, NetworkDocument, RootPin};

use crate::check::{check_member_chain, check_signer};
use crate::jws::{self, JwsError};
use crate::lineage::{check_issuer, check_next_root};
use crate::profile::DOCUMENT_SIGNER;
use crate::{KeyMaterial, PkiError, Purpose, anchors, root_pin};

const TYP: &str = "wickr-network+jws";

/// Where a network serves its document.
pub const WELL_KNOWN: &str = "/.well-known/wickr-network";
/// Most bytes of what is served there.
pub const MOST_BODY: usize = 256 * 1024;

/// What stands at the well-known address, in the boot copy, and in `PUT /document`: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentBody {
    /// The signed document, a compact JWS.
    pub document: String,
    /// The root certificate that the signature leads to.
    pub root: Der,
}

/// A document that holds, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedDocument {
    /// What it says.
    pub document: NetworkDocument,
    /// The root that it was signed under.
    pub root: RootPin,
    /// Pins of all roots that it names: what to pin from now on.
    pub roots: Vec<RootPin>,
    /// The certificate of the document key that signed it.
    pub signer: CertificateDer<'static>,
}

/// Why a document was not signed or is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// More bytes than a document may have.
    #[error("the network document has {0} bytes; at most 262144 are read")]
    TooLong(usize),
    /// Not the JSON that should stand there.
    #[error("the network document's body can't be read: {0}")]
    Body(serde_json::Error),
    /// A root certificate can't be read.
    #[error("reading a root certificate of the network document")]
    Root(#[source] PkiError),
    /// The root is not the one we know.
    #[error("the network's root is {given}; expected was {}", expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))]
    Pin {
        /// The root's pin.
        given: RootPin,
        /// The pins that were given.
        expected: Vec<RootPin>,
    },
    /// The signature's form, or the signature itself.
    #[error("the network document's signature can't be taken")]
    Token(#[from] JwsError),
    /// The chain from the root to the signer does not hold.
    #[error("the network document's signer is not trusted")]
    Signer(#[source] PkiError),
    /// The payload can't be read.
    #[error("the network document can't be read: {0}")]
    Document(serde_json::Error),
    /// The payload is not as it should be.
    #[error("the network document is not valid")]
    Content(#[from] DocumentError),
    /// What the document says does not fit to how it was signed.
    #[error("the network document contradicts its signature: {0}")]
    Contradiction(&'static str),
    /// It names an authority that no root of ours has made.
    #[error("the network document names {what} that does not lead to a trusted root")]
    Authority {
        /// Where it stands.
        what: &'static str,
        /// Why not.
        source: PkiError,
    },
    /// Its time is over.
    #[error("the network document expired at {at}; it is {now}")]
    Expired {
        /// When.
        at: UnixMillis,
        /// The time it was judged at.
        now: UnixMillis,
    },
    /// The signer's key can't be used.
    #[error("reading the document signer's key")]
    Key(#[source] PkiError),
}

impl DocumentBody {
    /// As it is served.
    pub fn to_json(&self) -> Vec<u8> {
        // Two strings always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Signs a document: by the document key, sending along its certificate and its issuer's.
pub fn sign_document(
    document: &NetworkDocument,
    signer: &KeyMaterial,
    document_issuer: &CertificateDer<'static>,
    root: &CertificateDer<'static>,
) -> Result<DocumentBody, TrustError> {
    document.validate()?;
    let signer = signer.signer(std::slice::from_ref(document_issuer)).map_err(TrustError::Key)?;
    Ok(DocumentBody { document: jws::sign(&signer, TYP, document)?, root: Der::new(root.to_vec()) })
}

/// Opens what a network serves, given the pins of roots that we know (the first one comes from the join
/// address, later ones from documents that held). The caller still compares the number with the last one seen.
pub fn read_document(body: &[u8], pins: &[RootPin], now: UnixMillis) -> Result<TrustedDocument, TrustError> {
    let trusted = read_document_whenever(body, pins, now)?;
    if !trusted.document.is_live(now) {
        return Err(TrustError::Expired { at: trusted.document.expires_at, now });
    }
    Ok(trusted)
}

/// The same for a document that may have expired: a service that was off for long starts with its boot copy,
/// so that it can be given a new one.
pub fn read_document_whenever(
    body: &[u8],
    pins: &[RootPin],
    now: UnixMillis,
) -> Result<TrustedDocument, TrustError> {
    if body.len() > MOST_BODY {
        return Err(TrustError::TooLong(body.len()));
    }
    let body: DocumentBody = serde_json::from_slice(body).map_err(TrustError::Body)?;
    let root = root_pin(body.root.as_bytes()).map_err(TrustError::Root)?;
    if !pins.contains(&root) {
        return Err(TrustError::Pin { given: root, expected: pins.to_vec() });
    }
    let parsed = jws::parse(&body.document, TYP, MOST_BODY)?;
    let [signer, issuer] = parsed.chain()? else {
        return Err(TrustError::Contradiction("its chain is not the signer and its issuer"));
    };
    let (signer, issuer) = (signer.clone(), issuer.clone());
    let anchor = [CertificateDer::from(body.root.as_bytes())];
    let chain = [signer.clone(), issuer.clone()];
    let (id, key) = check_signer(&chain, &anchor, None, DOCUMENT_SIGNER, now).map_err(TrustError::Signer)?;
    let document: NetworkDocument =
        serde_json::from_slice(&parsed.open(&key)?).map_err(TrustError::Document)?;
    document.validate()?;
    if document.domain != id.domain {
        return Err(TrustError::Contradiction("its signer is another network's"));
    }
    if !document.anchors.document.iter().any(|anchor| anchor.as_bytes() == issuer.as_ref()) {
        return Err(TrustError::Contradiction("its issuer does not stand in its anchors"));
    }
    let roots: Vec<RootPin> = document
        .roots
        .iter()
        .map(|root| root_pin(root.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(TrustError::Root)?;
    if !roots.contains(&root) {
        return Err(TrustError::Contradiction("its root does not stand among its roots"));
    }
    check_authorities(&document, body.root.as_bytes(), &roots, pins)?;
    Ok(TrustedDocument { document, root, roots, signer })
}

/// `root` is the pinned one that the signature leads to, `named` the pins of the document's roots.
fn check_authorities(
    document: &NetworkDocument,
    root: &[u8],
    named: &[RootPin],
    pins: &[RootPin],
) -> Result<(), TrustError> {
    let failed = |what| move |source| TrustError::Authority { what, source };
    let mut trusted = vec![root];
    for (next, pin) in document.roots.iter().zip(named) {
        if !pins.contains(pin) {
            check_next_root(next.as_bytes(), root, &document.domain).map_err(failed("a root"))?;
        }
        trusted.push(next.as_bytes());
    }
    let issuers = [
        (&document.anchors.workload, Purpose::Workload, "a workload issuer"),
        (&document.anchors.device, Purpose::Device, "a device issuer"),
        (&document.anchors.document, Purpose::Document, "a document issuer"),
    ];
    for (list, purpose, what) in issuers {
        for issuer in list {
            check_issuer(issuer.as_bytes(), &trusted, &document.domain, purpose).map_err(failed(what))?;
        }
    }
    // Every room holds the hub's certificate, so it stays when its issuer certifies nobody any more; that one was made
    // by a root all the same.
    let mut issuers = document.anchors.device.clone();
    if let Some(issuer) = &document.hub_issuer {
        check_issuer(issuer.as_bytes(), &trusted, &document.domain, Purpose::Device)
            .map_err(failed("a hub's issuer"))?;
        issuers.push(issuer.clone());
    }
    let hub = document.hub_certificate.as_bytes();
    check_member_chain(hub, &anchors(&issuers), &document.domain).map_err(failed("a hub's certificate"))?;
    Ok(())
}

#[cfg(test)]
pub(crate) fn sample(pki: &crate::testing::Pki) -> NetworkDocument {
    use std::time::Duration;
    let der = |material: &KeyMaterial| Der::new(material.certificate.to_vec());
    NetworkDocument {
        version: 1,
        domain: pki.domain.clone(),
        number: 1,
        issued_at: pki.now,
        expires_at: pki.now.plus(Duration::from_hours(7 * 24)),
        urls: wickr_policy::Urls {
            relay: "wss://chat.hq.example".parse().unwrap(),
            sso: "https://id.hq.example".parse().unwrap(),
        },
        anchors: wickr_policy::Anchors {
            workload: vec![der(&pki.workload)],
            device: vec![der(&pki.device)],
            document: vec![der(&pki.document)],
            public_tls: Vec::new(),
        },
        roots: vec![der(&pki.root)],
        hub_certificate: der(&pki.hub),
        hub_issuer: None,
        suite: wickr_policy::Suite::P256,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{Pki, rng};
    use crate::{cross_sign_root, issue_document_signer, new_issuer, new_root};

    fn served(pki: &Pki, document: &NetworkDocument) -> Vec<u8> {
        let (issuer, root) = (&pki.document.certificate, &pki.root.certificate);
        sign_document(document, &pki.document_signer, issuer, root).unwrap().to_json()
    }

    fn pin(pki: &Pki) -> RootPin {
        root_pin(&pki.root.certificate).unwrap()
    }

    #[test]
    fn a_pin_is_all_it_takes_to_believe_a_document() {
        let pki = Pki::new();
        let trusted = read_document(&served(&pki, &sample(&pki)), &[pin(&pki)], pki.now).unwrap();
        assert_eq!(trusted.document, sample(&pki));
        assert_eq!((trusted.root, trusted.roots), (pin(&pki), vec![pin(&pki)]));
        assert_eq!(trusted.signer, pki.document_signer.certificate);
    }

    #[test]
    fn under_another_root_nothing_is_believed() {
        let (pki, other) = (Pki::new(), Pki::new());
        let served_by_other = served(&other, &sample(&other));
        let refused = read_document(&served_by_other, &[pin(&pki)], pki.now);
        assert!(matches!(refused, Err(TrustError::Pin { .. })));
        // The right root put beside another's signature.
        let mut body: DocumentBody = serde_json::from_slice(&served_by_other).unwrap();
        body.root = Der::new(pki.root.certificate.to_vec());
        let refused = read_document(&body.to_json(), &[pin(&pki)], pki.now);
        assert!(matches!(refused, Err(TrustError::Signer(_))));
    }

    #[test]
    fn a_document_signed_by_another_purpose_is_refused() {
        let pki = Pki::new();
        let document = sample(&pki);
        let root = &pki.root.certificate;
        for (signer, issuer) in [(&pki.token_signer, &pki.device), (&pki.hub, &pki.device)] {
            let body = sign_document(&document, signer, &issuer.certificate, root).unwrap();
            let refused = read_document(&body.to_json(), &[pin(&pki)], pki.now);
            assert!(matches!(refused, Err(TrustError::Signer(_))));
        }
        // A document signer's certificate, but from the device issuer, which is not among the anchors.
        let signer = issue_document_signer(&pki.device, &pki.domain, &rng(), pki.now).unwrap();
        let body = sign_document(&document, &signer, &pki.device.certificate, root).unwrap();
        let refused = read_document(&body.to_json(), &[pin(&pki)], pki.now);
        assert!(matches!(refused, Err(TrustError::Contradiction(_))));
    }

    #[test]
    fn an_expired_document_is_refused_but_can_still_be_read_as_a_boot_copy() {
        let pki = Pki::new();
        let served = served(&pki, &sample(&pki));
        let late = pki.now.plus(Duration::from_hours(8 * 24));
        assert!(matches!(read_document(&served, &[pin(&pki)], late), Err(TrustError::Expired { .. })));
        assert!(read_document_whenever(&served, &[pin(&pki)], late).is_ok());
    }

    #[test]
    fn a_document_that_hides_its_own_root_or_names_another_network_is_refused() {
        let pki = Pki::new();
        let mut document = sample(&pki);
        document.roots = vec![Der::new(pki.device.certificate.to_vec())];
        let refused = read_document(&served(&pki, &document), &[pin(&pki)], pki.now);
        assert!(matches!(refused, Err(TrustError::Contradiction(_))));
        let mut document = sample(&pki);
        document.domain = "field.example".parse().unwrap();
        let refused = read_document(&served(&pki, &document), &[pin(&pki)], pki.now);
        assert!(matches!(refused, Err(TrustError::Contradiction(_))));
    }

    #[test]
    fn while_the_root_changes_the_next_one_is_learned_and_then_believed() {
        let pki = Pki::new();
        let next = new_root(&pki.domain, &rng(), pki.now).unwrap();
        let crossed = cross_sign_root(&pki.root, &next.certificate, &pki.domain, &rng(), pki.now).unwrap();
        let mut document = sample(&pki);
        document.roots.push(Der::new(crossed.to_vec()));
        let trusted = read_document(&served(&pki, &document), &[pin(&pki)], pki.now).unwrap();
        let issuer = |purpose| new_issuer(&next, &pki.domain, purpose, &rng(), pki.now).unwrap();
        let signing = issuer(Purpose::Document);
        let signer = issue_document_signer(&signing, &pki.domain, &rng(), pki.now).unwrap();
        // The issuers move one after the other; the old root goes last.
        let mut moving = sample(&pki);
        moving.roots.push(Der::new(next.certificate.to_vec()));
        moving.anchors.document = vec![Der::new(signing.certificate.to_vec())];
        moving.anchors.workload.push(Der::new(issuer(Purpose::Workload).certificate.to_vec()));
        let body = sign_document(&moving, &signer, &signing.certificate, &next.certificate).unwrap();
        assert_eq!(read_document(&body.to_json(), &trusted.roots, pki.now).unwrap().document, moving);
        assert!(read_document(&body.to_json(), &[pin(&pki)], pki.now).is_err());
    }

    #[test]
    fn the_hub_stays_when_its_issuer_is_no_anchor_any_more_and_that_one_certifies_no_device() {
        let pki = Pki::new();
        let next = new_issuer(&pki.root, &pki.domain, Purpose::Device, &rng(), pki.now).unwrap();
        let mut document = sample(&pki);
        document.anchors.device = vec![Der::new(next.certificate.to_vec())];
        let read = |document: &NetworkDocument| read_document(&served(&pki, document), &[pin(&pki)], pki.now);
        assert!(matches!(read(&document), Err(TrustError::Authority { what: "a hub's certificate", .. })));
        document.hub_issuer = Some(Der::new(pki.device.certificate.to_vec()));
        let trusted = read(&document).unwrap().document;
        assert_eq!(trusted, document);
        let anchors = anchors(&trusted.anchors.device);
        assert!(crate::check_device(&pki.device_leaf, &anchors, &pki.domain, pki.now).is_err());
    }

    #[test]
    fn the_document_key_alone_makes_no_authority() {
        let (pki, other) = (Pki::new(), Pki::new());
        let der = |material: &KeyMaterial| Der::new(material.certificate.to_vec());
        let refused = |change: &dyn Fn(&mut NetworkDocument)| {
            let mut document = sample(&pki);
            change(&mut document);
            match read_document(&served(&pki, &document), &[pin(&pki)], pki.now) {
                Err(TrustError::Authority { what, .. }) => what,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(&|document| document.roots.push(der(&other.root))), "a root");
        assert_eq!(refused(&|document| document.roots.push(der(&pki.device))), "a root");
        assert_eq!(refused(&|document| document.anchors.device.push(der(&other.device))), "a device issuer");
        assert_eq!(
            refused(&|document| document.anchors.device = vec![der(&pki.document)]),
            "a device issuer"
        );
        assert_eq!(
            refused(&|document| document.anchors.workload = vec![der(&other.workload)]),
            "a workload issuer"
        );
        assert_eq!(
            refused(&|document| document.anchors.document.push(der(&other.document))),
            "a document issuer"
        );
        assert_eq!(refused(&|document| document.hub_certificate = der(&other.hub)), "a hub's certificate");
        let with_issuer = |issuer: &KeyMaterial| {
            let issuer = der(issuer);
            refused(&|document| {
                document.hub_certificate = der(&other.hub);
                document.hub_issuer = Some(issuer.clone());
            })
        };
        assert_eq!(with_issuer(&other.device), "a hub's issuer");
        assert_eq!(with_issuer(&pki.document), "a hub's issuer");
        assert_eq!(with_issuer(&pki.device), "a hub's certificate");
    }
}

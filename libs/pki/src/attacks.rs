//! Property tests against everything that reads a stranger's bytes: nothing panics, no flipped bit verifies.

use proptest::prelude::*;

use crate::testing::Pki;
use crate::{describe, dpop, jws, parse_leaf, root_pin, session, trust};

const REQUEST: dpop::Request<'static> = dpop::Request { method: "GET", url: "https://a/b", token: None };

fn flip(bytes: &mut [u8], at: usize) {
    let bit = at % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// A flipped bit makes the text another text, or no text at all.
fn flip_text(text: &str, at: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    flip(&mut bytes, at);
    String::from_utf8(bytes).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_certificate_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = describe(&bytes);
        let _ = parse_leaf(&bytes);
        let _ = crate::certificates_from_pem(&bytes);
        let _ = crate::KeyMaterial::from_pem(&bytes, &bytes);
        let _ = trust::read_document(&bytes, &[], wickr_base::UnixMillis(0));
    }

    #[test]
    fn no_text_makes_a_token_reader_panic(text in "\\PC{0,200}", parts in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{86}") {
        for token in [&text, &parts] {
            let _ = jws::parse(token, "x", 4096);
            let _ = dpop::check_proof(token, REQUEST, wickr_base::UnixMillis(0), dpop::WINDOW);
        }
    }
}

#[test]
fn no_flipped_bit_in_a_device_certificate_verifies() {
    let pki = Pki::new();
    for at in 0..pki.device_leaf.len() * 8 {
        let mut leaf = pki.device_leaf.to_vec();
        flip(&mut leaf, at);
        assert!(pki.check_device(&leaf, pki.now).is_err(), "bit {at}");
    }
    for len in 0..pki.device_leaf.len() {
        assert!(pki.check_device(&pki.device_leaf[..len], pki.now).is_err(), "cut at {len}");
    }
    let mut longer = pki.device_leaf.to_vec();
    longer.push(0);
    assert!(pki.check_device(&longer, pki.now).is_err());
}

#[test]
fn no_flipped_bit_in_a_session_token_verifies() {
    let pki = Pki::new();
    let device = pki.uri.device().unwrap();
    let claims = session::SessionClaims::new(
        pki.domain.clone(),
        device,
        pki.device_key.public(),
        "s".to_owned(),
        pki.now,
    );
    let token = session::issue_session_token(&pki.token_signer.signer(&[]).unwrap(), &claims).unwrap();
    let anchors = [pki.device.certificate.clone()];
    let check = |token: &str| session::check_session_token(token, &anchors, &pki.domain, pki.now);
    assert!(check(&token).is_ok());
    for flipped in (0..token.len() * 8).filter_map(|at| flip_text(&token, at)) {
        assert!(check(&flipped).is_err(), "{flipped}");
    }
}

#[test]
fn no_flipped_bit_in_a_proof_verifies() {
    let pki = Pki::new();
    let proof = dpop::make_proof(&pki.device_key, REQUEST, &crate::testing::rng(), pki.now).unwrap();
    let check = |proof: &str| dpop::check_proof(proof, REQUEST, pki.now, dpop::WINDOW);
    assert!(check(&proof).is_ok());
    for flipped in (0..proof.len() * 8).filter_map(|at| flip_text(&proof, at)) {
        assert!(check(&flipped).is_err(), "{flipped}");
    }
}

#[test]
fn no_flipped_bit_in_a_network_document_changes_what_is_believed() {
    let pki = Pki::new();
    let document = trust::sample(&pki);
    let (issuer, root) = (&pki.document.certificate, &pki.root.certificate);
    let body = trust::sign_document(&document, &pki.document_signer, issuer, root).unwrap().to_json();
    let pins = [root_pin(root).unwrap()];
    let mut refused = 0;
    for at in 0..body.len() * 8 {
        let mut flipped = body.clone();
        flip(&mut flipped, at);
        // The root beside the document is only a key to look up: its own signature is not looked at, so a
        // flip in there may leave the (rightly signed) document as it was, and nothing else.
        match trust::read_document(&flipped, &pins, pki.now) {
            Ok(trusted) => assert_eq!(trusted.document, document, "bit {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > body.len() * 7);
}

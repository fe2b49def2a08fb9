//! Part of apply: makes the keys that the plan asks for, signers first, create-only (read back in `keys`).

use std::collections::BTreeMap;

use wickr_operator_core::network::{KeyMake, KeySlot, KeyToIssue, SEAL};
use wickr_pki::{
    KeyMaterial, PkiError, Purpose, issue_document_signer, issue_member_service, issue_public_tls,
    issue_workload, new_issuer, new_root,
};

use super::apply::Hands;
use super::keys::{Keys, data};
use crate::explain::ApplyError;

/// Makes one key and writes its Secret.
pub(super) async fn issue(
    hands: &Hands<'_>,
    keys: &mut Keys<'_>,
    wanted: &KeyToIssue,
) -> Result<(), ApplyError> {
    let key = &wanted.key;
    if let KeyMake::Random { bytes } = key.make {
        let mut random = vec![0; bytes];
        hands.context.rng.fill(&mut random);
        return hands.put(&wanted.put(BTreeMap::from([(SEAL.to_owned(), random)]))).await;
    }
    let signer = key.signed_by.map(|slot| keys.get(slot)).transpose()?;
    let material = make(hands, &key.make, signer.as_ref()).map_err(|error| ApplyError::Key {
        object: keys.object(key.slot),
        why: error.to_string(),
        next: "see that the Secret of its issuer is whole".to_owned(),
    })?;
    let issued_by = signer.as_ref().unwrap_or(&material).certificate.clone();
    let mut trusted = vec![issued_by];
    if key.signed_by == Some(KeySlot::WorkloadIssuer) {
        trusted.extend(keys.others(Purpose::Workload, &trusted[0]));
    }
    hands.put(&wanted.put(data(&material, &trusted))).await?;
    keys.made(key.slot, material);
    Ok(())
}

fn make(hands: &Hands<'_>, make: &KeyMake, signer: Option<&KeyMaterial>) -> Result<KeyMaterial, MakeError> {
    let (rng, now) = (hands.context.rng.as_ref(), hands.context.clock.now());
    let domain = hands.domain;
    let signed = signer.ok_or(MakeError::Unsigned);
    Ok(match make {
        KeyMake::Root => new_root(domain, rng, now)?,
        KeyMake::Issuer(purpose) => new_issuer(signed?, domain, *purpose, rng, now)?,
        KeyMake::Workload { id, dns, lifetime } => issue_workload(signed?, id, dns, rng, now, *lifetime)?,
        KeyMake::PublicTls { hostname, lifetime } => {
            issue_public_tls(signed?, hostname, rng, now, *lifetime)?
        }
        KeyMake::MemberService { uri } => issue_member_service(signed?, uri, rng, now)?,
        KeyMake::DocumentSigner => issue_document_signer(signed?, domain, rng, now)?,
        KeyMake::Random { .. } => return Err(MakeError::Unsigned),
    })
}

/// Why a key was not made.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error("nobody is named to sign it")]
    Unsigned,
    #[error("{0}")]
    Pki(#[from] PkiError),
}

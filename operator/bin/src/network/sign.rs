//! Part of apply: signs the network document with the document key and keeps it in its ConfigMap.

use wickr_operator_core::network::{DocumentToSign, KeySlot};
use wickr_pki::trust::{DocumentBody, sign_document};

use super::apply::Hands;
use super::keys::Keys;
use crate::explain::ApplyError;

/// Signs and writes; gives back what the services are to be sent.
pub(super) async fn sign(
    hands: &Hands<'_>,
    keys: &Keys<'_>,
    wanted: &DocumentToSign,
) -> Result<DocumentBody, ApplyError> {
    let signer = keys.get(KeySlot::DocumentKey)?;
    let issuer = keys.get(KeySlot::DocumentIssuer)?;
    let root = keys.get(KeySlot::Root)?;
    let signed = sign_document(&wanted.payload, &signer, &issuer.certificate, &root.certificate);
    let signed = signed.map_err(|error| ApplyError::Sign {
        network: hands.live.name().to_string(),
        why: error.to_string(),
    })?;
    hands.put(&wanted.put(&signed)).await?;
    Ok(signed)
}

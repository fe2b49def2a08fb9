//! Keys as they lie in Secrets: read for signing, written by `issue`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use wickr_operator_core::Names;
use wickr_operator_core::network::{CERTIFICATE, ISSUED_BY, KeySlot, NetworkSeen, PRIVATE_KEY};
use wickr_pki::{CertificateDer, KeyMaterial, Purpose, certificates_to_pem};

use crate::explain::ApplyError;

/// The keys of one network that this pass can sign with: those that were seen, and those it has just made.
pub(super) struct Keys<'a> {
    names: &'a Names,
    seen: &'a NetworkSeen,
    made: BTreeMap<KeySlot, KeyMaterial>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(names: &'a Names, seen: &'a NetworkSeen) -> Self {
        Self { names, seen, made: BTreeMap::new() }
    }

    /// From now on this one is in the slot.
    pub(super) fn made(&mut self, slot: KeySlot, material: KeyMaterial) {
        self.made.insert(slot, material);
    }

    /// The key in a slot, private part included.
    pub(super) fn get(&self, slot: KeySlot) -> Result<KeyMaterial, ApplyError> {
        if let Some(material) = self.made.get(&slot) {
            return Ok(material.clone());
        }
        read(self.names, self.seen, slot)
    }

    /// Who else may have signed what is in use for a purpose, beside `issuer`.
    pub(super) fn others(
        &self,
        purpose: Purpose,
        issuer: &CertificateDer<'_>,
    ) -> Vec<CertificateDer<'static>> {
        let all = self.seen.issuers(purpose).unwrap_or_default();
        wickr_pki::anchors(&all).into_iter().filter(|other| other != issuer).collect()
    }

    /// The Secret of a slot, as conditions name it.
    pub(super) fn object(&self, slot: KeySlot) -> String {
        format!("Secret {}/{}", self.names.namespace, self.names.secret(slot))
    }
}

/// The key that was seen in a slot.
pub(super) fn read(names: &Names, seen: &NetworkSeen, slot: KeySlot) -> Result<KeyMaterial, ApplyError> {
    let name = names.secret(slot);
    let unfit = |why: String| ApplyError::Key {
        object: format!("Secret {}/{name}", names.namespace),
        why,
        next: "restore it from a backup".to_owned(),
    };
    let secret: Secret = seen.live.get(&name).ok_or_else(|| unfit("it is not there".to_owned()))?;
    let data = secret.data.unwrap_or_default();
    let part = |key: &str| {
        data.get(key).map(|bytes| bytes.0.as_slice()).ok_or_else(|| unfit(format!("it has no {key}")))
    };
    KeyMaterial::from_pem(part(CERTIFICATE)?, part(PRIVATE_KEY)?).map_err(|error| unfit(error.to_string()))
}

/// A key as a Secret's data; in `trusted`, who signed it comes first: a root itself.
pub(super) fn data(material: &KeyMaterial, trusted: &[CertificateDer<'_>]) -> BTreeMap<String, Vec<u8>> {
    let (certificate, key) = material.to_pem();
    BTreeMap::from([
        (CERTIFICATE.to_owned(), certificate.into_bytes()),
        (PRIVATE_KEY.to_owned(), key.expose().clone().into_bytes()),
        (ISSUED_BY.to_owned(), certificates_to_pem(trusted).into_bytes()),
    ])
}

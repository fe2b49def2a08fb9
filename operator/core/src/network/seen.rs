//! What gather saw of a network: its live children, its keys read from them, its pods and the poller's answers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use serde_json::Value;
use wickr_base::{Domain, UnixMillis};
use wickr_pki::trust::{DocumentBody, read_document_whenever};
use wickr_pki::{
    Purpose, anchors, certificates_from_pem, check_issuer, check_member_chain, describe, fingerprint_spki,
};
use wickr_policy::{Der, NetworkDocument, RootPin};

use super::KeySlot;
use super::keys::{CERTIFICATE, ISSUED_BY, PREVIOUS, SEAL};
use crate::failure::Explained;
use crate::live::{annotation, is_going, label};
use crate::{KindRow, Live, Names, Poll, PublicAnswer, RelayAnswer, Role, SsoAnswer, labels};

/// Key of the document's ConfigMap: the signed document as it is served.
pub const DOCUMENT_KEY: &str = "document.json";
/// Key of the document's ConfigMap: the root, PEM.
pub const ROOT_KEY: &str = "root.crt";

/// What gather saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkSeen {
    /// The children, whole.
    pub live: Live,
    /// The keys among them.
    pub keys: BTreeMap<KeySlot, KeySeen>,
    /// The root's pin.
    pub root: Option<RootPin>,
    /// The signed document, when there is one that holds under the root.
    pub document: Option<DocumentSeen>,
    /// The pods.
    pub pods: Vec<Pod>,
    /// What relays said, by pod.
    pub relay: BTreeMap<String, Poll<RelayAnswer>>,
    /// What sso said, by pod.
    pub sso: BTreeMap<String, Poll<SsoAnswer>>,
    /// What the public listeners said.
    pub public: BTreeMap<Role, Poll<PublicAnswer>>,
    /// The highest number of a document that this operator knew of before: after a restore of etcd nothing that is there
    /// need tell it.
    pub remembered_document: u64,
    /// Which right was missing to publish the last event; `None` once one was published.
    pub unheard: Option<Explained>,
}

/// A key that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySeen {
    /// `wickr.dev/network` of its Secret.
    pub network: Option<String>,
    /// `wickr.dev/domain` of its Secret.
    pub domain: Option<String>,
    /// Whether its Secret is being deleted.
    pub going: bool,
    /// When it took its predecessor's place, if it did.
    pub rotated_at: Option<UnixMillis>,
    /// What is in it, or why that can't be read.
    pub content: Result<KeyContent, String>,
}

/// What is in a key's Secret, without the private key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyContent {
    /// A certificate.
    Certificate(CertificateSeen),
    /// Random bytes.
    Random {
        /// How many.
        bytes: usize,
    },
}

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateSeen {
    /// The certificate.
    pub der: Der,
    /// SAN: URIs.
    pub uris: Vec<String>,
    /// SAN: DNS names.
    pub dns: Vec<String>,
    /// Valid from.
    pub not_before: UnixMillis,
    /// Valid until.
    pub not_after: UnixMillis,
    /// SHA-256 of its public key.
    pub fingerprint: [u8; 32],
    /// SHA-256 of the public key of who signed it, as `ca.crt` has it.
    pub issuer: Option<[u8; 32]>,
    /// All of `ca.crt`.
    pub trusts: Vec<Der>,
    /// Of an issuer: those that it has followed and that are trusted still, the oldest first.
    pub previous: Vec<Der>,
}

/// The signed document that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentSeen {
    /// What it says.
    pub document: NetworkDocument,
    /// As it is served, for `PUT /document`.
    pub body: DocumentBody,
    /// The certificate of the key that signed it.
    pub signer: Der,
}

impl NetworkSeen {
    /// Reads keys and document out of the children. `live` holds the objects with the network's label.
    pub fn read(names: &Names, live: Live, pods: Vec<Pod>, now: UnixMillis) -> Self {
        let keys = read_keys(names, &live);
        let root = match keys.get(&KeySlot::Root).map(|key| &key.content) {
            Some(Ok(KeyContent::Certificate(root))) => Some(RootPin(root.fingerprint)),
            _ => None,
        };
        let document = root.and_then(|root| read_document(names, &live, root, now));
        Self { live, keys, root, document, pods, ..Self::default() }
    }

    /// Who may have signed what is in use for a purpose: those before, the present one, the one that follows it; none
    /// while the present one can't be read.
    pub fn issuers(&self, purpose: Purpose) -> Option<Vec<Der>> {
        let present = self.certificate(KeySlot::issuer(purpose))?;
        let next = self.certificate(KeySlot::Next(purpose)).map(|next| &next.der);
        let all = present.previous.iter().chain([&present.der]).chain(next);
        let mut issuers: Vec<Der> = Vec::new();
        all.for_each(|der| {
            if !issuers.contains(der) {
                issuers.push(der.clone());
            }
        });
        Some(issuers)
    }

    /// The certificate in a slot, when it can be read.
    pub fn certificate(&self, slot: KeySlot) -> Option<&CertificateSeen> {
        match &self.keys.get(&slot)?.content {
            Ok(KeyContent::Certificate(certificate)) => Some(certificate),
            Ok(KeyContent::Random { .. }) | Err(_) => None,
        }
    }
}

impl NetworkSeen {
    /// Whether the hub's certificate is from a device issuer of our root, the present one or an earlier: it stays in all
    /// rooms when another has taken that one's place, which stands beside it.
    pub(super) fn has_hub_of_ours(&self, domain: &Domain) -> bool {
        let (Some(hub), Some(root)) =
            (self.certificate(KeySlot::ExternalSender), self.certificate(KeySlot::Root))
        else {
            return false;
        };
        hub.trusts.first().is_some_and(|issuer| {
            let anchor = anchors(std::slice::from_ref(issuer));
            check_issuer(issuer.as_bytes(), &[root.der.as_bytes()], domain, Purpose::Device).is_ok()
                && check_member_chain(hub.der.as_bytes(), &anchor, domain).is_ok()
        })
    }

    /// Whether a certificate lives as long as its issuer: another one would not live longer.
    pub(super) fn ends_with_its_issuer(&self, slot: KeySlot) -> bool {
        let end = |slot| self.certificate(slot).map(|certificate| certificate.not_after);
        slot.signer().and_then(end).is_some_and(|issuers| end(slot) >= Some(issuers))
    }
}

impl CertificateSeen {
    /// Reads the first certificate of `certificate`, signed by the first of `issued_by`; both PEM.
    pub fn read(certificate: &[u8], issued_by: Option<&[u8]>) -> Result<Self, String> {
        let list =
            |pem: &[u8], what: &str| certificates_from_pem(pem).map_err(|error| format!("{what}: {error}"));
        let der = list(certificate, CERTIFICATE)?.swap_remove(0);
        let about = describe(&der).map_err(|error| format!("{CERTIFICATE}: {error}"))?;
        let fingerprint = fingerprint_spki(&der).map_err(|error| format!("{CERTIFICATE}: {error}"))?;
        let trusts = issued_by.map_or(Ok(Vec::new()), |pem| list(pem, ISSUED_BY))?;
        let issuer = trusts.first().map(|issuer| fingerprint_spki(issuer)).transpose();
        let issuer = issuer.map_err(|error| format!("{ISSUED_BY}: {error}"))?;
        Ok(Self {
            der: Der::new(der.to_vec()),
            uris: about.uris,
            dns: about.dns,
            not_before: about.not_before,
            not_after: about.not_after,
            fingerprint,
            issuer,
            trusts: ders(&trusts),
            previous: Vec::new(),
        })
    }
}

fn ders(list: &[wickr_pki::CertificateDer<'_>]) -> Vec<Der> {
    list.iter().map(|der| Der::new(der.to_vec())).collect()
}

/// Adds what stands in `previous.crt`.
fn with_previous(mut seen: CertificateSeen, pem: Option<&[u8]>) -> Result<CertificateSeen, String> {
    let list = pem.map_or(Ok(Vec::new()), certificates_from_pem);
    seen.previous = ders(&list.map_err(|error| format!("{PREVIOUS}: {error}"))?);
    Ok(seen)
}

const SECRET: KindRow = KindRow::of::<Secret>();

fn read_keys(names: &Names, live: &Live) -> BTreeMap<KeySlot, KeySeen> {
    let read = |slot| {
        let object = live.value(SECRET, &names.secret(slot))?;
        Some((slot, read_key(slot, object, live.get::<Secret>(&names.secret(slot)))))
    };
    let mut keys: BTreeMap<KeySlot, KeySeen> =
        KeySlot::ALL.into_iter().chain(KeySlot::NEXT).filter_map(read).collect();
    let root = match keys.get(&KeySlot::Root).map(|key| &key.content) {
        Some(Ok(KeyContent::Certificate(root))) => root.der.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    for (slot, next) in &mut keys {
        if let KeySlot::Next(purpose) = slot {
            next.content = check_next(next, *purpose, &root);
        }
    }
    keys
}

/// A successor is named to everybody before it signs: one that they would refuse, and with it the document, is none.
fn check_next(next: &KeySeen, purpose: Purpose, root: &[u8]) -> Result<KeyContent, String> {
    let content = next.content.clone()?;
    let (KeyContent::Certificate(certificate), Some(Ok(domain))) =
        (&content, next.domain.as_deref().map(str::parse::<Domain>))
    else {
        return Err(format!("it has no certificate, or no label {}", labels::DOMAIN));
    };
    check_issuer(certificate.der.as_bytes(), &[root], &domain, purpose).map_err(|error| error.to_string())?;
    Ok(content)
}

fn read_key(slot: KeySlot, object: &Value, secret: Option<Secret>) -> KeySeen {
    let data = secret.and_then(|secret| secret.data).unwrap_or_default();
    let content = match slot {
        KeySlot::SsoSeal => match data.get(SEAL) {
            Some(bytes) if bytes.0.len() == 32 => Ok(KeyContent::Random { bytes: 32 }),
            Some(bytes) => Err(format!("{SEAL} has {} bytes, not 32", bytes.0.len())),
            None => Err(format!("it has no {SEAL}")),
        },
        _ => match data.get(CERTIFICATE) {
            Some(pem) => {
                let part = |key: &str| data.get(key).map(|pem| pem.0.as_slice());
                CertificateSeen::read(&pem.0, part(ISSUED_BY))
                    .and_then(|seen| with_previous(seen, part(PREVIOUS)))
                    .map(KeyContent::Certificate)
            }
            None => Err(format!("it has no {CERTIFICATE}")),
        },
    };
    KeySeen {
        network: label(object, labels::NETWORK).map(str::to_owned),
        domain: label(object, labels::DOMAIN).map(str::to_owned),
        going: is_going(object),
        rotated_at: annotation(object, labels::ROTATED_AT).and_then(time),
        content,
    }
}

/// A time as `rotation` writes it.
fn time(text: &str) -> Option<UnixMillis> {
    wickr_base::rfc3339::deserialize(Value::from(text)).ok()
}

fn read_document(names: &Names, live: &Live, root: RootPin, now: UnixMillis) -> Option<DocumentSeen> {
    let map: ConfigMap = live.get(&names.document())?;
    let json = map.data?.remove(DOCUMENT_KEY)?;
    let trusted = read_document_whenever(json.as_bytes(), &[root], now).ok()?;
    let body = serde_json::from_str(&json).ok()?;
    let signer = Der::new(trusted.signer.to_vec());
    Some(DocumentSeen { document: trusted.document, body, signer })
}

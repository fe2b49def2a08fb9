//! What the network document says, from the keys that are there, and the ConfigMap it is kept in.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;
use wickr_base::UnixMillis;
use wickr_pki::trust::DocumentBody;
use wickr_pki::{CertificateDer, Purpose, certificates_to_pem};
use wickr_policy::{Anchors, NetworkDocument, SigningReason, Urls, due_for_signing};

use super::seen::{DOCUMENT_KEY, NetworkSeen, ROOT_KEY};
use super::valid::{PublicTlsSource, ValidNetwork};
use super::{KeySlot, build};
use crate::live::is_owned_by;
use crate::put::{Put, Target};
use crate::{KindRow, Wanted};

/// How long a document holds; signed anew when a third is left.
pub const DOCUMENT_LIFE: Duration = Duration::from_hours(30 * 24);

/// A document to be signed by the document key.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentToSign {
    /// What it says.
    pub payload: NetworkDocument,
    /// Why now.
    pub because: SignReason,
    map: Wanted,
    namespace: String,
    replaces: Option<Target>,
}

/// Why a document is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignReason {
    /// There is none, it would say something else, or it ages.
    Due(SigningReason),
    /// A service has seen a higher number than the kept one: the ConfigMap was lost, or is an old copy.
    Overtaken(u64),
    /// The ConfigMap was put there by somebody else, from a backup: clients may have seen a higher number since.
    Restored,
    /// The document key is another one than the kept one was signed by.
    Resigned,
}

impl fmt::Display for SignReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Due(reason) => reason.fmt(f),
            Self::Overtaken(number) => write!(f, "number {number} was in force already"),
            Self::Resigned => f.write_str("the document key was replaced"),
            Self::Restored => {
                f.write_str("the kept one was restored, and may be older than what clients have seen")
            }
        }
    }
}

impl DocumentToSign {
    /// Whether it sends clients elsewhere than the kept one: then the API server must have accepted that address.
    pub fn moves(&self, kept: Option<&NetworkDocument>) -> bool {
        kept.is_none_or(|kept| kept.urls != self.payload.urls)
    }

    /// The write that keeps the signed document.
    pub fn put(&self, signed: &DocumentBody) -> Put {
        let root = CertificateDer::from(signed.root.as_bytes().to_vec());
        let mut body = self.map.body.clone();
        body["data"] = json!({
            DOCUMENT_KEY: String::from_utf8_lossy(&signed.to_json()),
            ROOT_KEY: certificates_to_pem(&[root]),
        });
        let why = self.because.to_string();
        Put::over(self.map.kind, &self.namespace, &self.map.name, body, self.replaces.clone(), why)
    }
}

/// The document's payload under the keys that are there; `None` while one that it names is missing.
/// Number and times are those of a document signed at `now`.
pub(super) fn payload(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    now: UnixMillis,
) -> Option<NetworkDocument> {
    let der = |slot| seen.certificate(slot).map(|certificate| certificate.der.clone());
    let public_tls = match &network.exposure.tls {
        PublicTlsSource::Managed => Vec::new(),
        PublicTlsSource::Given { anchors, .. } => anchors.clone(),
    };
    let device = seen.issuers(Purpose::Device)?;
    let hub = seen.certificate(KeySlot::ExternalSender)?;
    Some(NetworkDocument {
        version: NetworkDocument::VERSION,
        domain: network.domain.clone(),
        number: highest(network, seen, now).saturating_add(1),
        issued_at: UnixMillis::from_seconds(now.seconds()),
        expires_at: UnixMillis::from_seconds(now.plus(DOCUMENT_LIFE).seconds()),
        urls: Urls { relay: network.exposure.relay.clone(), sso: network.exposure.sso.clone() },
        anchors: Anchors {
            workload: seen.issuers(Purpose::Workload)?,
            device: device.clone(),
            document: seen.issuers(Purpose::Document)?,
            public_tls,
        },
        roots: vec![der(KeySlot::Root)?],
        hub_certificate: hub.der.clone(),
        hub_issuer: hub.trusts.first().filter(|issuer| !device.contains(issuer)).cloned(),
        suite: network.suite,
    })
}

/// The document to sign now, if one is due and everything that it names is there.
pub(super) fn to_sign(network: &ValidNetwork, seen: &NetworkSeen, now: UnixMillis) -> Option<DocumentToSign> {
    // Signed by anything else it would not be taken by anybody, this operator included, and be signed again for ever.
    let hold = [KeySlot::Root, KeySlot::DocumentIssuer, KeySlot::DocumentKey]
        .map(|slot| seen.certificate(slot).filter(|key| key.not_before <= now && now < key.not_after));
    if hold.contains(&None) || !seen.has_hub_of_ours(&network.domain) {
        return None;
    }
    let payload = payload(network, seen, now)?;
    let because = due(network, seen, &payload, now)?;
    let map = build::document_map(network);
    let replaces = seen.live.value(map.kind, &map.name).map(|live| Target::seen(map.kind, live));
    Some(DocumentToSign { payload, because, map, namespace: network.names.namespace.clone(), replaces })
}

fn due(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    payload: &NetworkDocument,
    now: UnixMillis,
) -> Option<SignReason> {
    let kept = seen.document.as_ref().map(|seen| &seen.document);
    if let Some(reason) = due_for_signing(kept, payload, now) {
        return Some(SignReason::Due(reason));
    }
    let told = told(network, seen);
    if kept.is_some_and(|kept| kept.number < told) {
        return Some(SignReason::Overtaken(told));
    }
    if is_restored(network, seen) {
        return Some(SignReason::Restored);
    }
    let key = &seen.certificate(KeySlot::DocumentKey)?.der;
    seen.document.as_ref().is_some_and(|kept| kept.signer != *key).then_some(SignReason::Resigned)
}

/// Whether the kept document lies in a ConfigMap that this network has not written.
fn is_restored(network: &ValidNetwork, seen: &NetworkSeen) -> bool {
    let map = seen.live.value(KindRow::of::<ConfigMap>(), &network.names.document());
    map.is_some_and(|map| !is_owned_by(map, &network.owner.uid))
}

/// The highest number that anybody has seen: status, the kept document, the services. Where the kept one is lost or
/// restored nobody need remember, and clients refuse an older number: it goes on above what could have been signed.
fn highest(network: &ValidNetwork, seen: &NetworkSeen, now: UnixMillis) -> u64 {
    let kept = seen.document.as_ref().map_or(0, |seen| seen.document.number);
    let told = told(network, seen).max(kept);
    if seen.document.is_none() || is_restored(network, seen) { told.max(most(seen, now)) } else { told }
}

/// The highest number that status or a service tells of, or that this operator has seen before.
fn told(network: &ValidNetwork, seen: &NetworkSeen) -> u64 {
    let relays = seen.relay.values().filter_map(|poll| poll.answer()).map(|answer| answer.document);
    let ssos = seen.sso.values().filter_map(|poll| poll.answer()).map(|answer| answer.document);
    relays.chain(ssos).fold(network.highest_document.max(seen.remembered_document), u64::max)
}

/// More documents than can have been signed under this root: one a second. None under a root of this hour, whose
/// first document is still to come.
fn most(seen: &NetworkSeen, now: UnixMillis) -> u64 {
    let age = seen.certificate(KeySlot::Root).map(|root| now.since(root.not_before)).unwrap_or_default();
    if age < Duration::from_hours(1) { 0 } else { age.as_secs() }
}

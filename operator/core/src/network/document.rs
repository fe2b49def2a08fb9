//! What the network document says, from the keys that are there, and the ConfigMap it is kept in.

use std::time::Duration;

use serde_json::json;
use wickr_base::UnixMillis;
use wickr_pki::trust::DocumentBody;
use wickr_pki::{CertificateDer, certificates_to_pem};
use wickr_policy::{Anchors, NetworkDocument, SigningReason, Urls, due_for_signing};

use super::seen::{DOCUMENT_KEY, NetworkSeen, ROOT_KEY};
use super::valid::{PublicTlsSource, ValidNetwork};
use super::{KeySlot, build};
use crate::Wanted;
use crate::put::{Put, Target};

/// How long a document holds; signed anew when a third is left.
pub const DOCUMENT_LIFE: Duration = Duration::from_hours(30 * 24);

/// A document to be signed by the document key.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentToSign {
    /// What it says.
    pub payload: NetworkDocument,
    /// Why now.
    pub because: SigningReason,
    map: Wanted,
    namespace: String,
    replaces: Option<Target>,
}

impl DocumentToSign {
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
    Some(NetworkDocument {
        version: NetworkDocument::VERSION,
        domain: network.domain.clone(),
        number: highest(network, seen) + 1,
        issued_at: UnixMillis::from_seconds(now.seconds()),
        expires_at: UnixMillis::from_seconds(now.plus(DOCUMENT_LIFE).seconds()),
        urls: Urls { relay: network.exposure.relay.clone(), sso: network.exposure.sso.clone() },
        anchors: Anchors {
            workload: vec![der(KeySlot::WorkloadIssuer)?],
            device: vec![der(KeySlot::DeviceIssuer)?],
            document: vec![der(KeySlot::DocumentIssuer)?],
            public_tls,
        },
        roots: vec![der(KeySlot::Root)?],
        hub_certificate: der(KeySlot::ExternalSender)?,
        suite: network.suite,
    })
}

/// The document to sign now, if one is due and everything that it names is there.
pub(super) fn to_sign(network: &ValidNetwork, seen: &NetworkSeen, now: UnixMillis) -> Option<DocumentToSign> {
    seen.certificate(KeySlot::DocumentKey)?;
    let payload = payload(network, seen, now)?;
    let because = due_for_signing(seen.document.as_ref().map(|seen| &seen.document), &payload, now)?;
    let map = build::document_map(network)?;
    let replaces = seen.live.value(map.kind, &map.name).map(|live| Target::seen(map.kind, live));
    Some(DocumentToSign { payload, because, map, namespace: network.names.namespace.clone(), replaces })
}

/// The highest number that anybody has seen: status, the kept document, the services.
fn highest(network: &ValidNetwork, seen: &NetworkSeen) -> u64 {
    let relays = seen.relay.values().filter_map(|poll| poll.answer()).map(|answer| answer.document);
    let ssos = seen.sso.values().filter_map(|poll| poll.answer()).map(|answer| answer.document);
    let kept = seen.document.iter().map(|seen| seen.document.number);
    relays.chain(ssos).chain(kept).fold(network.highest_document, u64::max)
}

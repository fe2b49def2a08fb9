//! Policy: keys that are missing or due are made, but never a durable one over data that was written under another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use serde_json::{Value, json};
use wickr_base::UnixMillis;
use wickr_pki::Purpose;
use wickr_policy::RootPin;

use super::Draft;
use crate::hold::HoldReason;
use crate::live::annotation;
use crate::network::keys::{self, KeyWanted};
use crate::network::{CertificateSeen, KeyContent, KeySeen, KeySlot, NetworkSeen, ValidNetwork, rotation};
use crate::put::{Put, Target};
use crate::{KindRow, Role, Wanted, labels};

const SECRET: KindRow = KindRow::of::<Secret>();
const CLAIM: KindRow = KindRow::of::<PersistentVolumeClaim>();
const STATEFUL_SET: KindRow = KindRow::of::<k8s_openapi::api::apps::v1::StatefulSet>();

/// A key to be made in apply.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyToIssue {
    /// What is to be made, by whom it is signed, where it goes.
    pub key: KeyWanted,
    /// Why now.
    pub because: IssueReason,
    pub(super) owner: Option<Value>,
    pub(super) namespace: String,
    pub(super) replaces: Option<Target>,
}

/// Why a key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueReason {
    /// There is none.
    Missing,
    /// A third or less of its life is left.
    Ending(UnixMillis),
    /// It was made before the day that the spec names.
    Asked(UnixMillis),
    /// It is not what it should be.
    Unfit(String),
}

impl fmt::Display for IssueReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none"),
            Self::Ending(at) => write!(f, "it ends at {at}"),
            Self::Asked(day) => write!(f, "it was made before {day}, as spec.keys.rotateAfter asks"),
            Self::Unfit(why) => f.write_str(why),
        }
    }
}

impl KeyToIssue {
    /// The write that keeps the key: a create, unless it is renewed in place.
    pub fn put(&self, data: BTreeMap<String, Vec<u8>>) -> Put {
        let certificate = data.contains_key(keys::CERTIFICATE);
        let data: BTreeMap<String, ByteString> =
            data.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect();
        let body = json!({
            "metadata": {"labels": self.key.labels, "ownerReferences": self.owner.iter().collect::<Vec<_>>()},
            "type": if certificate { "kubernetes.io/tls" } else { "Opaque" },
            "data": data,
        });
        let why = self.because.to_string();
        Put::over(SECRET, &self.namespace, &self.key.name, body, self.replaces.clone(), why)
    }

    /// Whether a key that is there is replaced.
    pub fn is_renewal(&self) -> bool {
        self.replaces.is_some()
    }
}

/// What is to be done about one key.
enum Due {
    Nothing,
    Issue(IssueReason),
    Hold(HoldReason, String, &'static str),
}

pub(super) fn issue_what_is_due(draft: &mut Draft<'_>) {
    let network = draft.network;
    let data_root = data_root(draft);
    let mut blocked = BTreeSet::new();
    let mut made = 0;
    for key in keys::wanted(network) {
        let object = format!("Secret {}/{}", network.names.namespace, key.name);
        let seen = draft.seen.keys.get(&key.slot);
        // Somebody else's, or going: `names` says so already.
        if seen.is_some_and(|seen| is_foreign(seen, draft)) {
            blocked.insert(key.slot);
            continue;
        }
        match judge(network, &key, seen, draft.seen, data_root, draft.now) {
            Due::Nothing => {}
            Due::Issue(because) => {
                made += usize::from(because == IssueReason::Missing);
                let owner = (!key.slot.is_durable()).then(|| json!(network.owner));
                let live = draft.seen.live.value(SECRET, &key.name);
                let replaces = live.map(|live| Target::seen(SECRET, live));
                let namespace = network.names.namespace.clone();
                draft.plan.issue.push(KeyToIssue { key, because, owner, namespace, replaces });
            }
            Due::Hold(reason, message, next) => {
                blocked.insert(key.slot);
                draft.hold(reason, object, None, message, next);
            }
        }
    }
    if !blocked.is_empty() {
        // Leafs go on being renewed by signers that are sound, so that what runs goes on running.
        let sound = |slot: KeySlot| !blocked.contains(&slot) && draft.seen.certificate(slot).is_some();
        draft
            .plan
            .issue
            .retain(|issue| !issue.key.slot.is_durable() && issue.key.signed_by.is_some_and(sound));
        draft.leave_out(|wanted| is_first_of_its_kind(wanted, draft.seen));
    } else if made > 0 {
        let object = format!("WickrNetwork {}/{}", network.names.namespace, network.names.network);
        let message = format!("{made} keys are made; volumes and pods come in the next pass");
        draft.hold(HoldReason::KeysBeingMade, object, None, message, "nothing: it takes seconds");
        draft.leave_out(|wanted| is_first_of_its_kind(wanted, draft.seen));
        draft.recheck_in(Duration::from_secs(1));
    }
}

/// Volumes and pods that are not there yet: they wait for the keys.
fn is_first_of_its_kind(wanted: &Wanted, seen: &NetworkSeen) -> bool {
    (wanted.kind == CLAIM || wanted.kind == STATEFUL_SET)
        && seen.live.value(wanted.kind, &wanted.name).is_none()
}

/// The root that existing data was written under; when volumes disagree, one that is not there.
fn data_root(draft: &Draft<'_>) -> Option<RootPin> {
    let claims = Role::ALL.map(|role| draft.network.names.data(role));
    let pin = |name: &String| -> Option<RootPin> {
        annotation(draft.seen.live.value(CLAIM, name)?, labels::ROOT)?.parse().ok()
    };
    let pins: Vec<RootPin> = claims.iter().filter_map(pin).collect();
    pins.iter().find(|pin| Some(**pin) != draft.seen.root).or(pins.first()).copied()
}

fn is_foreign(seen: &KeySeen, draft: &Draft<'_>) -> bool {
    seen.going || seen.domain.as_deref().is_some_and(|domain| domain != draft.network.domain.as_str())
}

fn judge(
    network: &ValidNetwork,
    key: &KeyWanted,
    seen: Option<&KeySeen>,
    all: &NetworkSeen,
    data_root: Option<RootPin>,
    now: UnixMillis,
) -> Due {
    const RESTORE: &str = "restore the Secret from a backup, or delete the network's volumes to start anew";
    let durable = key.slot.is_durable();
    let Some(seen) = seen else {
        return match data_root {
            Some(root) if durable => Due::Hold(
                HoldReason::KeyLost,
                format!("it is gone, and data written under root {root} needs it"),
                RESTORE,
            ),
            _ => Due::Issue(IssueReason::Missing),
        };
    };
    let certificate = match &seen.content {
        Ok(KeyContent::Random { .. }) => return Due::Nothing,
        Ok(KeyContent::Certificate(certificate)) => certificate,
        Err(why) if durable => {
            return Due::Hold(HoldReason::KeyUnreadable, why.clone(), "restore the Secret from a backup");
        }
        Err(why) => return Due::Issue(IssueReason::Unfit(why.clone())),
    };
    if key.slot == KeySlot::Root
        && let Some(root) = data_root.filter(|root| root.0 != certificate.fingerprint)
    {
        let message = format!("it is another root than {root}, which the data was written under");
        return Due::Hold(HoldReason::KeyMismatch, message, RESTORE);
    }
    if let Some(why) = unfit(network, key, certificate, all) {
        return if durable {
            Due::Hold(
                HoldReason::KeyMismatch,
                why,
                "restore all of the network's Secrets from the same backup",
            )
        } else {
            Due::Issue(IssueReason::Unfit(why))
        };
    }
    if !durable && let Some(day) = rotation::asked(network, key.slot, certificate, now) {
        return Due::Issue(IssueReason::Asked(day));
    }
    ending(key.slot, certificate, all, now)
}

/// Why a certificate is not the one that should be there.
fn unfit(
    network: &ValidNetwork,
    key: &KeyWanted,
    certificate: &CertificateSeen,
    all: &NetworkSeen,
) -> Option<String> {
    let signer = key.signed_by.and_then(|slot| all.certificate(slot));
    if let Some(signer) = signer
        && match key.slot {
            KeySlot::ExternalSender => !all.has_hub_of_ours(&network.domain),
            _ => certificate.issuer != Some(signer.fingerprint),
        }
    {
        let why = match key.slot {
            KeySlot::ExternalSender => {
                "no device issuer of this network's root has signed it, or ca.crt is another one's"
            }
            _ => "it was signed by another issuer than the one that is there",
        };
        return Some(why.to_owned());
    }
    if key.signed_by == Some(KeySlot::WorkloadIssuer) && !trusts_all(certificate, all) {
        return Some("it does not come with all issuers that are to be trusted".to_owned());
    }
    let domain = key.labels.get(labels::DOMAIN)?.parse().ok()?;
    if let Some(uri) = key.make.uri(&domain).filter(|uri| certificate.uris != [uri.as_str()]) {
        return Some(format!("it is for \"{}\", not for \"{uri}\"", certificate.uris.join(", ")));
    }
    let dns = key.make.dns();
    (dns.iter().any(|name| !certificate.dns.contains(name)))
        .then(|| format!("it is for \"{}\", not for \"{}\"", certificate.dns.join(", "), dns.join(", ")))
}

/// Whether `ca.crt` names exactly those that may have signed a workload's certificate.
fn trusts_all(certificate: &CertificateSeen, all: &NetworkSeen) -> bool {
    let issuers = all.issuers(Purpose::Workload).unwrap_or_default();
    issuers.len() == certificate.trusts.len()
        && issuers.iter().all(|issuer| certificate.trusts.contains(issuer))
}

fn ending(slot: KeySlot, certificate: &CertificateSeen, all: &NetworkSeen, now: UnixMillis) -> Due {
    let end = certificate.not_after;
    if slot.is_durable() {
        return if now >= end {
            let next =
                "restore it from a backup that still holds, or delete the network's volumes to start anew";
            Due::Hold(HoldReason::KeyExpired, format!("it ended at {end}"), next)
        } else if now < certificate.not_before {
            let from = certificate.not_before;
            let why =
                format!("it holds from {from} on only: the clock by which it was made is ahead of this one");
            let next =
                "set the clocks of the cluster's nodes right; it goes on by itself when that time has come";
            Due::Hold(HoldReason::KeyNotYetValid, why, next)
        } else {
            Due::Nothing
        };
    }
    if now < certificate.not_before {
        let why = format!(
            "it holds from {} on only: it was made by a clock that was ahead",
            certificate.not_before
        );
        return Due::Issue(IssueReason::Unfit(why));
    }
    let life = end.since(certificate.not_before);
    let is_near = end.since(now) <= life / 3;
    if is_near && !all.ends_with_its_issuer(slot) {
        Due::Issue(IssueReason::Ending(end))
    } else {
        Due::Nothing
    }
}

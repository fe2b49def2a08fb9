//! How an issuer is replaced while everything runs: where that stands, told from nothing but what is there, so that any
//! operator can go on with it (what is done about it: `plan/rotation`).
//!
//! 1. *Announcing*: a successor lies in a Secret of its own. The document names it, workloads get it into their `ca.crt`.
//!    The present one goes on signing until everybody is known to trust both.
//! 2. *Replacing*: the successor has taken the present one's Secret and signs; what its predecessor signed is made anew.
//!    The predecessor's certificate stands beside it, its key is gone.
//! 3. *Retiring*: nothing that the predecessor signed is in use; when the overlap is over, nobody trusts it any more.
//!
//! What a device issuer has signed is not the operator's to make anew: devices renew their certificates by themselves,
//! and rooms hold them longer still. So its overlap is in months (`deviceOverlap`).

use std::time::Duration;

use wickr_base::UnixMillis;
use wickr_pki::{Purpose, SKEW};
use wickr_policy::{Der, RootPin};

use super::keys;
use super::plan::IssueReason;
use super::{CertificateSeen, KeySlot, NetworkSeen, ValidNetwork};
use crate::{CertificatesAnswer, Role};

/// Issuers that can be replaced.
pub(super) const ROTATING: [Purpose; 3] = [Purpose::Workload, Purpose::Document, Purpose::Device];

/// How long a connected client may take to learn of a document that its relay has.
const CLIENTS_LEARN: Duration = Duration::from_secs(15);

/// Where the replacement of an issuer stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// Nothing is replaced.
    Steady,
    /// A successor is to be made.
    Due(IssueReason),
    /// The successor is there; without a wait left it takes its place.
    Announcing(Vec<Wait>),
    /// It has taken its place, and the Secret that it waited in is left over.
    Taken,
    /// The one before is trusted still; without a wait left it goes.
    Retiring(Vec<Wait>),
}

/// What a replacement waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// What, as a sentence's part.
    pub(super) what: String,
    /// When, where it is but time.
    pub(super) until: Option<UnixMillis>,
}

/// When a certificate was made: it begins a little before.
pub(super) fn made_at(certificate: &CertificateSeen) -> UnixMillis {
    certificate.not_before.plus(SKEW)
}

/// The day that the spec names for a key, when that has come and the key is older.
pub(super) fn asked(
    network: &ValidNetwork,
    slot: KeySlot,
    certificate: &CertificateSeen,
    now: UnixMillis,
) -> Option<UnixMillis> {
    network.keys.rotate_after(slot).filter(|day| *day <= now && made_at(certificate) < *day)
}

/// Where the issuer for that purpose stands; none while it can't be read.
pub(super) fn stage(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    purpose: Purpose,
    now: UnixMillis,
) -> Option<Stage> {
    let slot = KeySlot::issuer(purpose);
    let present = seen.certificate(slot)?;
    let next = seen.certificate(KeySlot::Next(purpose));
    Some(match next {
        Some(next) if next.fingerprint == present.fingerprint => Stage::Taken,
        Some(next) => Stage::Announcing(before_it_signs(network, seen, purpose, next, now)),
        None if !present.previous.is_empty() => {
            Stage::Retiring(before_it_goes(network, seen, purpose, present, now))
        }
        None => due(network, seen, slot, present, now).map_or(Stage::Steady, Stage::Due),
    })
}

fn due(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    slot: KeySlot,
    present: &CertificateSeen,
    now: UnixMillis,
) -> Option<IssueReason> {
    if let Some(day) = asked(network, slot, present, now) {
        return Some(IssueReason::Asked(day));
    }
    let (from, until) = (present.not_before, present.not_after);
    let is_near = until.since(now) <= until.since(from) / 3;
    (is_near && !seen.ends_with_its_issuer(slot)).then_some(IssueReason::Ending(until))
}

/// Everybody must trust the successor first: services by what they say that they have loaded, clients by the document.
fn before_it_signs(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    purpose: Purpose,
    next: &CertificateSeen,
    now: UnixMillis,
) -> Vec<Wait> {
    let mut waits = Vec::new();
    let mut begins = made_at(next).plus(network.keys.overlap);
    match &seen.document {
        Some(kept) if anchors(kept, purpose).contains(&next.der) => {
            begins = begins.max(kept.document.issued_at.plus(CLIENTS_LEARN));
            waits.extend(documents(network, seen, kept.document.number));
        }
        Some(_) | None => waits.push(wait("the network document does not name it yet".to_owned())),
    }
    if purpose == Purpose::Workload {
        let key = RootPin(next.fingerprint).to_string();
        waits.extend(services(network, seen, |_, shown| {
            (!shown.trusts.contains(&key)).then(|| "has not loaded it as one to trust".to_owned())
        }));
    }
    waits.extend(until(begins, now));
    waits
}

/// Nothing that the predecessor signed may be in use.
fn before_it_goes(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    purpose: Purpose,
    present: &CertificateSeen,
    now: UnixMillis,
) -> Vec<Wait> {
    let mut waits = Vec::new();
    let slot = KeySlot::issuer(purpose);
    // The hub's certificate stays in all rooms, whoever has signed it.
    let is_made_anew = |leaf: &KeySlot| leaf.signer() == Some(slot) && !leaf.is_durable();
    for leaf in KeySlot::ALL.into_iter().filter(is_made_anew) {
        let Some(wanted) = keys::key(network, leaf) else { continue };
        if seen.certificate(leaf).and_then(|leaf| leaf.issuer) != Some(present.fingerprint) {
            waits.push(wait(format!("Secret {} is not signed by it yet", wanted.name)));
        }
    }
    match purpose {
        Purpose::Workload => waits.extend(services(network, seen, |role, shown| {
            let key = |slot| seen.certificate(slot).map(|leaf| RootPin(leaf.fingerprint).to_string());
            let managed = keys::key(network, KeySlot::PublicTls).is_some();
            let loaded = shown.workload == key(KeySlot::Tls(role))
                && (!managed || shown.public == key(KeySlot::PublicTls));
            (!loaded).then(|| "has not loaded its new certificate".to_owned())
        })),
        Purpose::Document => match &seen.document {
            Some(kept)
                if seen.certificate(KeySlot::DocumentKey).is_some_and(|key| key.der == kept.signer) =>
            {
                waits.extend(documents(network, seen, kept.document.number));
            }
            Some(_) | None => waits.push(wait("the network document is not signed anew yet".to_owned())),
        },
        Purpose::Device => {
            let key = RootPin(present.fingerprint).to_string();
            let pod = network.names.pod(Role::Sso);
            match seen.sso.get(&pod).and_then(|poll| poll.answer()) {
                None => waits.push(wait(format!("{pod} does not answer"))),
                Some(answer) if answer.device_issuer.as_ref() != Some(&key) => {
                    waits.push(wait(format!("{pod} does not sign for devices with it yet")));
                }
                Some(_) => {}
            }
        }
    }
    // Without the day on which it signed first, the one on which it was made is the next best.
    let since = seen.keys.get(&slot).and_then(|key| key.rotated_at).unwrap_or_else(|| made_at(present));
    let overlap = match purpose {
        Purpose::Workload | Purpose::Document => network.keys.overlap,
        Purpose::Device => network.keys.device_overlap,
    };
    waits.extend(until(since.plus(overlap), now));
    waits
}

fn anchors(kept: &super::DocumentSeen, purpose: Purpose) -> &[Der] {
    let anchors = &kept.document.anchors;
    match purpose {
        Purpose::Workload => &anchors.workload,
        Purpose::Document => &anchors.document,
        Purpose::Device => &anchors.device,
    }
}

/// Services that have an older document than that.
pub(super) fn documents(network: &ValidNetwork, seen: &NetworkSeen, number: u64) -> Vec<Wait> {
    let behind = |role| {
        let pod = network.names.pod(role);
        match answer(seen, &pod, role) {
            None => Some(wait(format!("{pod} does not answer"))),
            Some((has, _)) if has < number => {
                Some(wait(format!("{pod} does not have network document {number}")))
            }
            Some(_) => None,
        }
    };
    Role::ALL.into_iter().filter_map(behind).collect()
}

fn services(
    network: &ValidNetwork,
    seen: &NetworkSeen,
    lacks: impl Fn(Role, &CertificatesAnswer) -> Option<String>,
) -> Vec<Wait> {
    let lacking = |role| {
        let pod = network.names.pod(role);
        let what = match answer(seen, &pod, role) {
            None => "does not answer".to_owned(),
            Some((_, shown)) => lacks(role, shown)?,
        };
        Some(wait(format!("{pod} {what}")))
    };
    Role::ALL.into_iter().filter_map(lacking).collect()
}

fn answer<'a>(seen: &'a NetworkSeen, pod: &str, role: Role) -> Option<(u64, &'a CertificatesAnswer)> {
    match role {
        Role::Relay => seen.relay.get(pod)?.answer().map(|answer| (answer.document, &answer.certificates)),
        Role::Sso => seen.sso.get(pod)?.answer().map(|answer| (answer.document, &answer.certificates)),
    }
}

fn wait(what: String) -> Wait {
    Wait { what, until: None }
}

fn until(at: UnixMillis, now: UnixMillis) -> Option<Wait> {
    (now < at).then(|| Wait { what: format!("the overlap lasts until {at}"), until: Some(at) })
}

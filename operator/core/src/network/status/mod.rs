//! What is reported of a network on every pass, most of all on the failing ones (one file per part).

mod findings;
mod outcome;
mod pods;
mod public;
mod ready;
mod rotation;
mod services;
mod sign_in;
mod storage;
mod waiting;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube_core::ResourceExt as _;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::{
    CryptographyStatus, DocumentStatus, Endpoints, WickrNetwork, WickrNetworkStatus,
};
use wickr_policy::JoinUrl;

use super::{NetworkRefs, NetworkSeen};
use crate::condition::{Fact, conditions, time};
use crate::{Names, Role};

pub use outcome::{Applied, Outcome};
pub(crate) use waiting::merge as merge_waiting;

/// Types of a network's conditions.
pub mod condition {
    /// The spec is valid and what it points at is there.
    pub const ACCEPTED: &str = "Accepted";
    /// Every key is there and fits.
    pub const KEYS: &str = "KeysReady";
    /// Every volume is there, and there is room on it.
    pub const STORAGE: &str = "StorageReady";
    /// The relay's canary was written, synced and read back within the last minute, and the relay hears of revocations:
    /// without that it lets nobody new in.
    pub const RELAY: &str = "RelayReady";
    /// sso issued and verified a test certificate within the last minute, and its store takes what is written.
    pub const SSO: &str = "SsoReady";
    /// sso fetched the provider's discovery document and keys within the last minute, and the provider didn't refuse our
    /// client.
    pub const SIGN_IN: &str = "SignInReady";
    /// The public listeners answer through their Services with the right name and chain.
    pub const PUBLIC: &str = "PublicReady";
    /// Every replica has the network document in force.
    pub const DOCUMENT: &str = "DocumentReady";
    /// NetworkPolicies are written and name the provider's addresses; whether the cluster's network plugin enforces them
    /// can't be seen. Not part of Ready.
    pub const ISOLATION: &str = "NetworkIsolation";
    /// No certificate ends soon without being renewed by itself. Not part of Ready.
    pub const LASTING: &str = "KeysLasting";
    /// Something is being changed or waited for. Not part of Ready.
    pub const PROGRESSING: &str = "Progressing";
    /// Something is wrong that doesn't pass by itself. Not part of Ready.
    pub const DEGRADED: &str = "Degraded";
    /// A client can sign in and deliver a message now.
    pub const READY: &str = "Ready";

    /// Each type with what it means, for the reference.
    pub const ALL: [(&str, &str); 13] = [
        (ACCEPTED, "The spec is valid and what it points at is there."),
        (KEYS, "Every key is there and fits."),
        (STORAGE, "Every volume is there, and there is room on it."),
        (
            RELAY,
            "The relay's canary was written, synced and read back within the last minute, and it has heard of \
             revocations within 30 s, without which it lets nobody new in.",
        ),
        (
            SSO,
            "sso issued and verified a test certificate within the last minute, and its store takes what is written.",
        ),
        (
            SIGN_IN,
            "sso fetched the provider's discovery document and keys within the last minute, and the provider didn't \
             refuse our client.",
        ),
        (PUBLIC, "The public listeners answer through their Services with the right name and chain."),
        (DOCUMENT, "Every replica has the network document in force."),
        (
            ISOLATION,
            "NetworkPolicies are written and name the provider's addresses; whether the cluster's network plugin enforces \
             them can't be seen. Not part of Ready.",
        ),
        (
            LASTING,
            "No certificate ends soon without being renewed by itself: durable ones are told of 180 days before, \
             a given public one 21 days before. Not part of Ready.",
        ),
        (PROGRESSING, "Something is being changed or waited for. Not part of Ready."),
        (
            DEGRADED,
            "Something is wrong that doesn't pass by itself, like a right that the operator lacks (reason Forbidden, \
             with verb, kind, namespace and what to grant). Not part of Ready: who serves goes on serving.",
        ),
        (READY, "A client can sign in and deliver a message now."),
    ];
}

/// What the parts of the report are made from.
struct Pass<'a> {
    network: &'a WickrNetwork,
    names: Names,
    refs: &'a NetworkRefs,
    seen: &'a NetworkSeen,
    outcome: &'a Outcome<'a>,
    now: UnixMillis,
}

/// How old a sign of life may be.
const FRESH_MS: i64 = 60_000;

/// The status that tells what is so now. Equal to the one before when nothing has changed.
pub fn report(
    network: &WickrNetwork,
    gathered: Option<(&NetworkRefs, &NetworkSeen)>,
    outcome: &Outcome<'_>,
    now: UnixMillis,
) -> WickrNetworkStatus {
    let before = network.status.clone().unwrap_or_default();
    let generation = network.metadata.generation;
    let names = Names::new(network.namespace().unwrap_or_default(), network.name_any());
    let facts = match gathered {
        Some((refs, seen)) => {
            let names = names.clone();
            facts(&Pass { network, names, refs, seen, outcome, now })
        }
        None => findings::blind(outcome),
    };
    let mut status = WickrNetworkStatus {
        observed_generation: generation,
        conditions: conditions(&before.conditions, &facts, generation, now),
        waiting: waiting::waiting(&before.waiting, outcome, now),
        cryptography: Some(module()),
        ..before
    };
    if let Some((_, seen)) = gathered {
        tell(&mut status, network, &names, seen);
    }
    if let Outcome::Planned { valid, .. } = outcome {
        status.sizing = valid.sizes.explained();
        if let Some((_, seen)) = gathered {
            status.keys = rotation::keys(valid, seen, now);
        }
    }
    status
}

fn facts(pass: &Pass<'_>) -> Vec<(&'static str, Fact)> {
    let mut facts = vec![
        (condition::ACCEPTED, findings::accepted(pass.outcome)),
        (condition::KEYS, findings::keys(pass)),
        (condition::STORAGE, storage::storage(pass)),
        (condition::RELAY, services::relay(pass)),
        (condition::SSO, services::sso(pass)),
        (condition::SIGN_IN, sign_in::sign_in(pass)),
        (condition::PUBLIC, public::public(pass)),
        (condition::DOCUMENT, public::document(pass)),
        (condition::ISOLATION, public::isolation(pass)),
        (condition::LASTING, findings::lasting(pass)),
        (condition::PROGRESSING, findings::progressing(pass)),
        (condition::DEGRADED, findings::degraded(pass)),
    ];
    let ready = ready::ready(pass.outcome, &facts);
    facts.push((condition::READY, ready));
    facts
}

/// What the services and keys themselves say.
fn tell(status: &mut WickrNetworkStatus, network: &WickrNetwork, names: &Names, seen: &NetworkSeen) {
    status.root = seen.root.map(|root| root.to_string());
    let sso = seen.sso.get(&names.pod(Role::Sso)).and_then(|poll| poll.answer());
    if let Some(answer) = sso {
        // While it can't be told, what was known stays.
        status.users = answer.users.or(status.users);
    }
    if let Some(kept) = &seen.document {
        // The addresses that clients find there; what the spec says may be refused yet.
        let urls = &kept.document.urls;
        status.endpoints = Some(Endpoints {
            relay: urls.relay.to_string(),
            sso: urls.sso.to_string(),
            addresses: public::addresses(network, names, seen).unwrap_or_default(),
        });
        status.join = seen.root.map(|root| JoinUrl::new(&urls.relay, root).to_string());
        let (has, of) = public::replicas_with(seen, names, kept.document.number);
        status.document = Some(DocumentStatus {
            number: i64::try_from(kept.document.number).unwrap_or(i64::MAX),
            expires_at: time(kept.document.expires_at),
            replicas: format!("{has} of {of}"),
        });
    }
    if network.metadata.deletion_timestamp.is_some() {
        status.join = None;
    }
}

fn module() -> CryptographyStatus {
    CryptographyStatus { module: "AWS-LC".to_owned(), validated: false }
}

/// Whether a time that somebody told lies within the last minute, or as little ahead: further ahead it says nothing of
/// when it was.
fn is_fresh(at: Option<UnixMillis>, now: UnixMillis) -> bool {
    at.is_some_and(|at| now.0.saturating_sub(at.0).abs() <= FRESH_MS)
}

/// How far a time lies ahead, when that is more than a clock may be off.
fn ahead(at: Option<UnixMillis>, now: UnixMillis) -> Option<Duration> {
    at.filter(|at| at.0.saturating_sub(now.0) > FRESH_MS).map(|at| at.since(now))
}

/// The condition of that type in a status.
pub(super) fn find<'a>(status: &'a WickrNetworkStatus, type_: &str) -> Option<&'a Condition> {
    crate::condition::find(&status.conditions, type_)
}

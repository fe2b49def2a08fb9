//! PublicReady, DocumentReady and NetworkIsolation: what clients meet.

use wickr_operator_api::v1alpha1::NetworkPolicyMode;

use super::{Pass, is_fresh};
use crate::condition::Fact;
use crate::network::NetworkSeen;
use crate::{Lookup, Names, Poll, Role};

pub(super) fn public(pass: &Pass<'_>) -> Fact {
    let host = &pass.network.spec.exposure.hostname;
    let mut troubles = Vec::new();
    let mut never = false;
    for role in Role::ALL {
        let service = format!("Service {}/{}", pass.names.namespace, pass.names.public(role));
        match pass.seen.public.get(&role).unwrap_or(&Poll::Never) {
            Poll::Answered { at, .. } if is_fresh(Some(*at), pass.now) => {}
            Poll::Answered { .. } => {
                troubles.push(format!("{service} was last asked more than a minute ago"));
            }
            Poll::Failed { error, .. } => troubles.push(format!("{service} as \"{host}\": {error}")),
            Poll::Never => never = true,
        }
    }
    if !troubles.is_empty() {
        let message = format!(
            "{}. Next: see conditions RelayReady and SsoReady; if they are True, see spec.exposure.",
            troubles.join("; ")
        );
        return Fact::no("PublicUnreachable", message);
    }
    if never {
        return Fact::unknown("NotAsked", "the public listeners have not been asked yet. Next: nothing.");
    }
    Fact::yes("Answering", format!("both listeners answer as \"{host}\" with the right chain"))
}

pub(super) fn document(pass: &Pass<'_>) -> Fact {
    let Some(kept) = &pass.seen.document else {
        return Fact::no("NotSigned", "no network document is signed yet. Next: see condition KeysReady.");
    };
    let number = kept.document.number;
    if !kept.document.is_live(pass.now) {
        let at = kept.document.expires_at;
        return Fact::no(
            "Expired",
            format!("network document {number} expired at {at}. Next: see condition Progressing."),
        );
    }
    let (has, of) = replicas_with(pass.seen, &pass.names, number);
    let message = format!("network document {number} is in force on {has} of {of} replicas");
    if has == of {
        return Fact::yes("Everywhere", message);
    }
    Fact::no("Spreading", format!("{message}. Next: nothing; it is sent until it has arrived."))
}

/// On how many replicas, and listeners behind them, the document is in force; and on how many it should be.
pub(super) fn replicas_with(seen: &NetworkSeen, names: &Names, number: u64) -> (usize, usize) {
    let relay = seen.relay.get(&names.pod(Role::Relay)).and_then(|poll| poll.answer());
    let sso = seen.sso.get(&names.pod(Role::Sso)).and_then(|poll| poll.answer());
    let numbers = [relay.map(|answer| answer.document), sso.map(|answer| answer.document)];
    (numbers.iter().filter(|has| **has == Some(number)).count(), numbers.len())
}

pub(super) fn isolation(pass: &Pass<'_>) -> Fact {
    match pass.network.spec.isolation.network_policy {
        NetworkPolicyMode::Disabled => {
            let message = "spec.isolation.networkPolicy is Disabled: any pod of the cluster reaches the services' \
                           ports. Next: set it to Enforced.";
            return Fact::no("Disabled", message);
        }
        NetworkPolicyMode::Enforced => {}
    }
    let provider = pass.refs.provider.as_ref().and_then(Lookup::found);
    if let Some(provider) = provider
        && provider.spec.cidrs.is_empty()
    {
        let message = format!(
            "IdentityProvider \"{}\" names no cidrs, so sso may reach any address on the issuer's port. Next: set \
             spec.cidrs there.",
            provider.metadata.name.as_deref().unwrap_or_default()
        );
        return Fact::no("PortOnly", message);
    }
    Fact::yes(
        "Enforced",
        "NetworkPolicies are written; whether the cluster's network plugin enforces them can't be seen from here",
    )
}

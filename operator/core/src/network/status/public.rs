//! PublicReady, DocumentReady and NetworkIsolation: what clients meet.

use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use wickr_operator_api::v1alpha1::{NetworkPolicyMode, ServiceType, WickrNetwork};

use super::{Pass, is_fresh};
use crate::condition::Fact;
use crate::network::NetworkSeen;
use crate::{Lookup, Names, Poll, Role};

/// Reason of a document that was signed just now. Who has the one before serves by that, which is as good.
pub(super) const SPREADING: &str = "Spreading";
/// A service without the document by then has a trouble.
const SPREADS_WITHIN: Duration = Duration::from_mins(1);
/// As many as status holds.
const MOST_ADDRESSES: usize = 16;

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
    let answer = format!("both listeners answer as \"{host}\" with the right chain");
    match addresses(pass.network, &pass.names, pass.seen) {
        None => Fact::yes("Answering", answer),
        Some(addresses) if addresses.is_empty() => {
            let service = pass.names.load_balancer();
            let namespace = &pass.names.namespace;
            let message = format!(
                "Service {namespace}/{service} has no address: no load balancer has taken it. Next: kubectl describe \
                 service -n {namespace} {service} shows what its controller says; a cluster without one needs \
                 spec.exposure.service.type NodePort."
            );
            Fact::no("NoAddress", message)
        }
        Some(addresses) => {
            let at = addresses.join(", ");
            Fact::yes(
                "Answering",
                format!("{answer}; the load balancer is at {at}, where DNS must lead \"{host}\""),
            )
        }
    }
}

/// Where the load balancer is; `None` for a network without one.
pub(super) fn addresses(network: &WickrNetwork, names: &Names, seen: &NetworkSeen) -> Option<Vec<String>> {
    match network.spec.exposure.service.kind {
        ServiceType::NodePort => return None,
        ServiceType::LoadBalancer => {}
    }
    let service: Option<Service> = seen.live.get(&names.load_balancer());
    let balancer = service.and_then(|service| service.status?.load_balancer);
    let ingress = balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    Some(ingress.into_iter().filter_map(|entry| entry.ip.or(entry.hostname)).take(MOST_ADDRESSES).collect())
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
    if kept.document.issued_at.plus(SPREADS_WITHIN) >= pass.now {
        return Fact::no(SPREADING, format!("{message}. Next: nothing; it is on its way."));
    }
    Fact::no(
        "Behind",
        format!("{message}. Next: see conditions RelayReady and SsoReady; it is sent until it arrives."),
    )
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

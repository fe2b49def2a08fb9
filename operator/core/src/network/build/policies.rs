//! NetworkPolicies: everything closed, then one per service from the table of who may call whom (`calls`).

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use wickr_operator_api::v1alpha1::PodPeer;

use super::metadata;
use crate::calls::{self, Call, Party};
use crate::network::ValidNetwork;
use crate::network::valid::{ProviderReach, ValidIsolation};
use crate::{Env, Role, labels};

/// Label that Kubernetes puts on each namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// All of them; none when they are disabled.
pub(super) fn policies(network: &ValidNetwork, env: &Env) -> Vec<NetworkPolicy> {
    let Some(isolation) = &network.isolation else { return Vec::new() };
    let of_roles = Role::ALL.map(|role| of_role(network, isolation, env, role));
    [default_deny(network)].into_iter().chain(of_roles).collect()
}

fn default_deny(network: &ValidNetwork) -> NetworkPolicy {
    let labels = labels::of_network(&network.names.network);
    NetworkPolicy {
        metadata: metadata::owned(network, network.names.default_deny(), labels),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(select(labels::select_network(&network.names.network))),
            policy_types: Some(both()),
            ..NetworkPolicySpec::default()
        }),
    }
}

fn of_role(network: &ValidNetwork, isolation: &ValidIsolation, env: &Env, role: Role) -> NetworkPolicy {
    let from = Peers { network, isolation, env };
    NetworkPolicy {
        metadata: metadata::of_role(network, network.names.role(role), role),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(select(labels::select_role(&network.names.network, role))),
            policy_types: Some(both()),
            ingress: Some(calls::into(role).filter_map(|call| from.ingress(call)).collect()),
            egress: Some(calls::out_of(role).flat_map(|call| from.egress(call)).collect()),
        }),
    }
}

/// Turns the parties of the table into selectors and addresses.
struct Peers<'a> {
    network: &'a ValidNetwork,
    isolation: &'a ValidIsolation,
    env: &'a Env,
}

impl Peers<'_> {
    /// `None` when nobody is meant, such as monitoring where none is named.
    fn ingress(&self, call: &Call) -> Option<NetworkPolicyIngressRule> {
        let from = match call.from {
            Party::Anybody => None,
            party => Some(vec![self.pods(party)?]),
        };
        Some(NetworkPolicyIngressRule { from, ports: call.port.map(|port| vec![tcp(port)]) })
    }

    fn egress(&self, call: &Call) -> Vec<NetworkPolicyEgressRule> {
        match (call.to, call.port) {
            (Party::Provider, _) => self.isolation.providers.iter().map(provider).collect(),
            (Party::Dns, Some(port)) => vec![NetworkPolicyEgressRule {
                to: Some(vec![peer(&self.isolation.dns)]),
                ports: Some(vec![protocol("UDP", port), tcp(port)]),
            }],
            (party, port) => vec![NetworkPolicyEgressRule {
                to: self.pods(party).map(|peer| vec![peer]),
                ports: port.map(|port| vec![tcp(port)]),
            }],
        }
    }

    fn pods(&self, party: Party) -> Option<NetworkPolicyPeer> {
        match party {
            Party::Service(role) => Some(NetworkPolicyPeer {
                pod_selector: Some(select(labels::select_role(&self.network.names.network, role))),
                ..NetworkPolicyPeer::default()
            }),
            Party::Operator => Some(NetworkPolicyPeer {
                namespace_selector: Some(select(BTreeMap::from([(
                    NAMESPACE_NAME.to_owned(),
                    self.env.operator_namespace.clone(),
                )]))),
                pod_selector: Some(select(self.env.operator_labels.clone())),
                ip_block: None,
            }),
            Party::Monitoring => self.isolation.monitoring.as_ref().map(peer),
            Party::Dns => Some(peer(&self.isolation.dns)),
            Party::Provider | Party::Anybody => None,
        }
    }
}

/// Exactly the addresses given, or any address, on the issuer's port.
fn provider(reach: &ProviderReach) -> NetworkPolicyEgressRule {
    let block = |cidr: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
        ..NetworkPolicyPeer::default()
    };
    let to: Vec<NetworkPolicyPeer> = reach.cidrs.iter().map(block).collect();
    NetworkPolicyEgressRule { to: Some(to).filter(|to| !to.is_empty()), ports: Some(vec![tcp(reach.port)]) }
}

fn peer(of: &PodPeer) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(select(of.namespace_selector.match_labels.clone())),
        pod_selector: of.pod_selector.as_ref().map(|selector| select(selector.match_labels.clone())),
        ip_block: None,
    }
}

fn select(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels).filter(|labels| !labels.is_empty()), match_expressions: None }
}

fn both() -> Vec<String> {
    vec!["Ingress".to_owned(), "Egress".to_owned()]
}

fn tcp(port: u16) -> NetworkPolicyPort {
    protocol("TCP", port)
}

fn protocol(protocol: &str, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port.into())),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}

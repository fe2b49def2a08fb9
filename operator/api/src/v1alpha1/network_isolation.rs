//! `WickrNetwork`, `spec.isolation`: who may reach the network's pods, and whom they may reach.

use std::collections::BTreeMap;

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may reach the network's pods, and whom they may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Isolation {
    /// Whether NetworkPolicies are kept: everything is closed but what the services need. Default Enforced.
    #[serde(default)]
    pub network_policy: NetworkPolicyMode,
    /// The cluster's DNS servers, on port 53. Default: pods labelled k8s-app=kube-dns in kube-system.
    #[serde(default = "cluster_dns")]
    pub dns: PodPeer,
    /// Who may scrape the metrics on port 9090. Default: nobody but the node itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<PodPeer>,
}

/// Whether NetworkPolicies are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// Default-deny, and one policy per service derived from who may call whom.
    #[default]
    Enforced,
    /// No NetworkPolicy; status says so.
    Disabled,
}

/// Pods, chosen by the labels of their namespace and their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct PodPeer {
    /// Labels of the namespace.
    pub namespace_selector: LabelSelector,
    /// Labels of the pod; every pod of the namespace when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
}

/// Labels that must all be there with that value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Label and value; none at all chooses everything.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub match_labels: BTreeMap<String, String>,
}

impl Default for Isolation {
    fn default() -> Self {
        Self { network_policy: NetworkPolicyMode::default(), dns: cluster_dns(), monitoring: None }
    }
}

impl LabelSelector {
    /// Chooses what has that one label.
    pub fn of(label: &str, value: &str) -> Self {
        Self { match_labels: BTreeMap::from([(label.to_owned(), value.to_owned())]) }
    }
}

fn cluster_dns() -> PodPeer {
    PodPeer {
        namespace_selector: LabelSelector::of("kubernetes.io/metadata.name", "kube-system"),
        pod_selector: Some(LabelSelector::of("k8s-app", "kube-dns")),
    }
}

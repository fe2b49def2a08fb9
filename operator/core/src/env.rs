//! What the operator's own process brings along: images, its place in the cluster (filled in by `operator/bin`).

use std::collections::BTreeMap;
use std::time::Duration;

/// The operator's surroundings, the same for every object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env {
    /// Image of relay and sso.
    pub server_image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// Secrets for the registry; they must exist in each network's namespace.
    pub image_pull_secrets: Vec<String>,
    /// Namespace of the operator's pods, for NetworkPolicies.
    pub operator_namespace: String,
    /// Labels of the operator's pods, for NetworkPolicies.
    pub operator_labels: BTreeMap<String, String>,
    /// How long a service drains when it is told to stop.
    pub drain: Duration,
}

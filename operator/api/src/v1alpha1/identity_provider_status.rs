//! `IdentityProvider`, the status: rehearsal, active and previous provider (the spec: `identity_provider`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// What the operator knows about a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderStatus {
    /// The metadata.generation that this status judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// What is so and what is not.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The provider that sign-in uses now; after a failed change, the last good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<ProviderInForce>,
    /// The one that it used before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ProviderInForce>,
    /// The last rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rehearsal: Option<LastRehearsal>,
    /// What is waited for, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub waiting: Vec<super::Waiting>,
}

/// A provider as sign-in uses or used it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ProviderInForce {
    /// Its issuer.
    #[schemars(length(max = 512))]
    pub issuer: String,
    /// The client there.
    #[schemars(length(max = 256))]
    pub client_id: String,
    /// Fingerprint of the settings, secret included, that were rehearsed.
    #[schemars(length(max = 128))]
    pub generation: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The addresses that were open to it, so that they stay open while it is in service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 49)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cidrs: Vec<String>,
}

/// What came of a rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct LastRehearsal {
    /// Fingerprint of the settings, secret included, that were rehearsed.
    #[schemars(length(max = 128))]
    pub generation: String,
    /// When.
    pub at: Time,
    /// Whether every check passed.
    pub passed: bool,
    /// Whether it went live.
    pub adopted: bool,
    /// The checks, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub checks: Vec<RehearsalCheckResult>,
}

/// One check of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct RehearsalCheckResult {
    /// Discovery, IssuerMatch, Keys, Algorithms, ClockSkew, Certificates or DeviceGrant.
    #[schemars(length(max = 64))]
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was found.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub detail: String,
}

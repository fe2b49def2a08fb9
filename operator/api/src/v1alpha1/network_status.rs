//! `WickrNetwork`, the status: what the operator reports on every pass (the spec: `network`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator knows about a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct WickrNetworkStatus {
    /// The metadata.generation that this status judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// What is so and what is not.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// What a person gives to `wickr login`: where the network answers and the fingerprint of its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub join: Option<String>,
    /// SHA-256 of the root's public key (SubjectPublicKeyInfo), as sha256:HEX: how others pin this network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub root: Option<String>,
    /// Where the services answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// People in the directory, as sign-in counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub users: Option<i64>,
    /// The network document in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentStatus>,
    /// Each key that is replaced while the network runs, and where that stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub keys: Vec<KeyStatus>,
    /// What was made of capacity.users, one entry per service, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into()]))]
    pub sizing: Vec<Sizing>,
    /// The module that does the cryptography.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cryptography: Option<CryptographyStatus>,
    /// What is waited for, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub waiting: Vec<Waiting>,
}

/// Where the services answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// The relay.
    #[schemars(length(max = 300))]
    pub relay: String,
    /// Sign-in and directory.
    #[schemars(length(max = 300))]
    pub sso: String,
    /// Where the load balancer is, if there is one: DNS has to lead the hostname here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub addresses: Vec<String>,
}

/// The network document in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct DocumentStatus {
    /// Grows with each signing; clients refuse an older one.
    #[schemars(range(min = 0))]
    pub number: i64,
    /// When it ends; it is signed anew before.
    pub expires_at: Time,
    /// On how many replicas it is in force, as "2 of 2".
    #[schemars(length(max = 32))]
    pub replicas: String,
}

/// A key that is replaced while the network runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Which one, as spec.keys.rotateAfter names it.
    #[schemars(length(max = 32))]
    pub key: String,
    /// Where its replacement stands.
    pub phase: KeyPhase,
    /// When the one that signs now was made.
    pub made_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// What its replacement waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub waits_for: Option<String>,
}

/// Where the replacement of a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyPhase {
    /// It signs, and is not being replaced.
    Steady,
    /// Its successor is there, and everybody is made to trust it; it does not sign yet.
    Announcing,
    /// The successor signs; what the one before it has signed is made anew.
    Replacing,
    /// Nothing that the one before has signed is in use; it is trusted until the overlap is over.
    Retiring,
}

/// What a service was given, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Sizing {
    /// The service.
    #[schemars(length(max = 32))]
    pub service: String,
    /// Requested CPU.
    #[schemars(length(max = 16))]
    pub cpu: String,
    /// Requested memory.
    #[schemars(length(max = 16))]
    pub memory: String,
    /// Memory that it may not exceed.
    #[schemars(length(max = 16))]
    pub memory_limit: String,
    /// Its volume.
    #[schemars(length(max = 16))]
    pub volume: String,
    /// How these follow from the spec.
    #[schemars(length(max = 512))]
    pub because: String,
}

/// The module that does the cryptography.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct CryptographyStatus {
    /// Its name.
    #[schemars(length(max = 64))]
    pub module: String,
    /// Whether the build in use is a validated one (FIPS 140-3).
    pub validated: bool,
}

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// One word for programs, from a closed list.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The object or field that it is about.
    #[schemars(length(max = 512))]
    pub object: String,
    /// What is waited for, and why.
    #[schemars(length(max = 4096))]
    pub message: String,
    /// What to do about it, or that nothing need be done.
    #[schemars(length(max = 1024))]
    pub next: String,
    /// Since when.
    pub since: Time,
}

//! `WickrNetwork`, how its keys are replaced while it runs (the rest of the spec: `network`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// How a network's keys are replaced while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("duration(self.deviceOverlap) >= duration('15s') && duration(self.deviceOverlap) <= duration('8760h')").message("keys.deviceOverlap is from 15s to 8760h; what is shorter than 5040h shuts out devices that were away for long").field_path(".deviceOverlap"),
    validation = Rule::new("duration(self.overlap) >= duration('15s') && duration(self.overlap) <= duration('720h')").message("keys.overlap is from 15s, in which every connected client learns of a change, to 720h").field_path(".overlap")
)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Which keys are replaced, by when they were made: one that is older than the time named for it, once that time has come. No pod restarts. The time may stay; what was made since is younger. Each of these keys is also replaced by itself when a third of its life is left.
    #[serde(default)]
    pub rotate_after: RotateAfter,
    /// How long an issuer and its successor are trusted side by side: before the successor signs, and again before the one that it has followed is trusted no more. One number and one of ms, s, m, h; from 15s to 720h. Default 24h.
    #[serde(default = "overlap")]
    #[schemars(length(min = 2, max = 8), regex(pattern = super::schema::DURATION))]
    pub overlap: String,
    /// How long the device issuer before is trusted once the one that follows it signs. Until then a device may show its certificate (90 days, renewed from day 60), stand in rooms with it, and come back to what was said meanwhile; so a shorter one shuts out devices that were away for long, and until the others have their new certificate nobody can be added to rooms that they are in. One number and one of ms, s, m, h; from 15s to 8760h. Default 5040h (210 days).
    #[serde(default = "device_overlap")]
    #[schemars(length(min = 2, max = 8), regex(pattern = super::schema::DURATION))]
    pub device_overlap: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self { rotate_after: RotateAfter::default(), overlap: overlap(), device_overlap: device_overlap() }
    }
}

fn overlap() -> String {
    "24h".to_owned()
}

fn device_overlap() -> String {
    "5040h".to_owned()
}

/// Keys by when they were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct RotateAfter {
    /// The certificates of the services, the managed public one and the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Time>,
    /// The key that signs network documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_key: Option<Time>,
    /// The issuer of the services' certificates; they are all replaced with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_issuer: Option<Time>,
    /// The issuer of the document key, which is replaced with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_issuer: Option<Time>,
    /// The issuer of devices' certificates. It signs new ones; those of the one before stay good for deviceOverlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_issuer: Option<Time>,
}

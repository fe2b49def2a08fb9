//! Objects as an API server would hand them out: manifests with uid, generation and time of creation.

#![expect(clippy::expect_used, reason = "a test that can't make its fixtures must stop")]

use serde_json::{Value, json};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};

use crate::samples::demo;

/// Every fixture's time of creation.
pub const CREATED: &str = "2026-01-01T00:00:00Z";

/// What the API server adds to a manifest; one that names no namespace goes into hq.
pub fn admitted(mut manifest: Value) -> Value {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let meta = &mut manifest["metadata"];
    if meta["namespace"].is_null() {
        meta["namespace"] = json!("hq");
    }
    meta["uid"] = json!(format!("uid-of-{name}"));
    meta["generation"] = json!(1);
    meta["resourceVersion"] = json!("1");
    meta["creationTimestamp"] = json!(CREATED);
    manifest
}

/// A manifest as a network; defaults are filled in as the schema has them.
pub fn network(manifest: Value) -> WickrNetwork {
    serde_json::from_value(admitted(manifest)).expect("the manifest is a WickrNetwork")
}

/// A manifest as a provider; defaults are filled in as the schema has them.
pub fn provider(manifest: Value) -> IdentityProvider {
    serde_json::from_value(admitted(manifest)).expect("the manifest is an IdentityProvider")
}

/// The demo's network.
pub fn demo_network() -> WickrNetwork {
    network(demo("network.yaml").remove(0))
}

/// The demo's provider.
pub fn demo_provider() -> IdentityProvider {
    provider(demo("identity-provider.yaml").remove(0))
}

/// A storage class.
pub fn storage_class(name: &str, expandable: bool, default: bool) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example",
        "metadata": {
            "name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": default.to_string()},
        },
        "allowVolumeExpansion": expandable,
    })
}

//! Pods of the chart and of every network that the operator builds pass Pod Security `restricted`, enforced.

use std::fs;

use serde_json::{Value, json};
use wickr_chart::{Rendering, objects, repository};
use wickr_cluster::ControlPlane;

/// The objects that `operator/core` builds of every accepted sample: its snapshots, which its own tests compare.
fn built() -> Vec<Value> {
    let folder = repository().join("operator/core/tests/decide/snapshots");
    let mut all = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains("build__network@") {
            let text = fs::read_to_string(path).unwrap();
            // Before the objects stands what insta notes.
            let (_, text) = text.trim_start_matches("---\n").split_once("\n---\n").unwrap();
            all.extend(objects(text).unwrap());
        }
    }
    all
}

/// Asks the API server for such a pod; nothing is kept.
fn admits(plane: &ControlPlane, namespace: &str, owner: &str, template: &Value) -> Result<(), String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": owner, "namespace": namespace},
        "spec": template["spec"],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), pod.to_string()).unwrap();
    let mut kubectl = plane.kubectl();
    let output = kubectl.args(["create", "--dry-run=server", "-f"]).arg(file.path()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn every_pod_of_ours_passes_the_restricted_level() {
    let plane = ControlPlane::start().unwrap();
    for namespace in ["wickr-system", "hq"] {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let metadata = json!({"name": namespace, "labels": labels});
        plane
            .apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).to_string())
            .unwrap();
    }
    let mut asked = 0;
    for (namespace, objects) in [("wickr-system", Rendering::new().objects().unwrap()), ("hq", built())] {
        for object in objects.iter().filter(|object| object["spec"]["template"]["spec"].is_object()) {
            let name = object["metadata"]["name"].as_str().unwrap();
            let template = &object["spec"]["template"];
            admits(&plane, namespace, name, template).unwrap();
            let mut open = template.clone();
            open["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
            let refused = admits(&plane, namespace, name, &open).unwrap_err();
            assert!(refused.contains("violates PodSecurity \"restricted"), "{refused}");
            asked += 1;
        }
    }
    assert!(asked > 10, "{asked} are too few to be all");
}

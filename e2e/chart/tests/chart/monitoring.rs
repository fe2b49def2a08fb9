//! PodMonitors and alerts are what prometheus-operator's published definitions say, judged by the API server.

use serde_json::Value;
use wickr_chart::{MONITORING_API, Rendering};
use wickr_cluster::{ControlPlane, monitoring_definitions};

/// Applies with strict validation: an unknown field is an error, not dropped.
fn apply(plane: &ControlPlane, object: &Value) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    let mut kubectl = plane.kubectl();
    kubectl.args(["apply", "--server-side", "--validate=strict", "-f"]).arg(file.path());
    let output = kubectl.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_published_definitions_accept_what_is_rendered_and_refuse_a_typing_error() {
    let plane = ControlPlane::start().unwrap();
    for definition in monitoring_definitions().unwrap() {
        plane.apply(&definition).unwrap();
    }
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    assert!(plane.kubectl().args(established).status().unwrap().success());
    assert!(plane.kubectl().args(["create", "namespace", "wickr-system"]).status().unwrap().success());
    let rendering = Rendering::new()
        .with(r#"watchNamespaces=["hq"]"#)
        .with(r#"monitoring.labels={"release":"prometheus"}"#)
        .on(MONITORING_API);
    let objects = rendering.objects().unwrap();
    let ours: Vec<&Value> = objects.iter().filter(|object| object["apiVersion"] == MONITORING_API).collect();
    assert_eq!(ours.len(), 3);
    for object in &ours {
        apply(&plane, object).unwrap();
        let mut wrong = (*object).clone();
        wrong["spec"]["typo"] = Value::Bool(true);
        let refused = apply(&plane, &wrong).unwrap_err();
        assert!(refused.contains("typo"), "{refused}");
    }
}

//! `kubectl wickr` on a real API server, as a person calls it.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails it")]

use std::process::{Command, Output};

use serde_json::json;
use wickr_cluster::ControlPlane;

fn plugin(api: &ControlPlane, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-wickr"));
    command.env("KUBECONFIG", api.kubeconfig()).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn status_and_plan_say_what_is_so_and_what_comes_next() {
    let api = ControlPlane::start().expect("etcd and an API server start");
    for definition in wickr_operator_api::crds() {
        api.apply(&serde_json::to_string(&definition).unwrap()).unwrap();
    }
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    assert!(api.kubectl().args(established).status().unwrap().success());
    let nothing = plugin(&api, &["status", "hq"]);
    assert!(!nothing.status.success());
    assert!(
        out(&nothing).contains("there is no WickrNetwork \"hq\" in namespace \"default\""),
        "{}",
        out(&nothing)
    );

    let network = json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork",
        "metadata": {"name": "hq", "namespace": "default"},
        "spec": {"domain": "hq.example", "storage": {"embedded": {"size": "1Gi"}},
                 "exposure": {"hostname": "chat.hq.example", "service": {"relayPort": 30443, "ssoPort": 30444}}}});
    api.apply(&network.to_string()).unwrap();
    let tree = out(&plugin(&api, &["status"]));
    assert!(tree.contains("WickrNetwork default/hq  not judged yet: is the operator running?"), "{tree}");

    let plan = out(&plugin(&api, &["plan", "hq"]));
    for step in [
        "no operator is found in this cluster",
        "make key hq-root (there is none)",
        "create Service default/hq-relay",
        "hold KeysBeingMade: WickrNetwork default/hq",
    ] {
        assert!(plan.contains(step), "{step} in {plan}");
    }
}

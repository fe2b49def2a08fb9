//! `kubectl wickr` on a real API server, as a person calls it.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails it")]

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use wickr_cluster::{ControlPlane, until};

fn plugin(api: &ControlPlane, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-wickr"));
    command.env("KUBECONFIG", api.kubeconfig()).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn network(namespace: &str, name: &str, port: u16) -> serde_json::Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"domain": "hq.example", "storage": {"embedded": {"size": "1Gi"}},
                 "exposure": {"hostname": "chat.hq.example",
                              "service": {"relayPort": port, "ssoPort": port + 1}}}})
}

fn born(api: &ControlPlane, namespace: &str, name: &str) -> Vec<u8> {
    let asked = ["get", "wn", name, "-n", namespace, "-o", "jsonpath={.metadata.creationTimestamp}"];
    api.kubectl().args(asked).output().unwrap().stdout
}

fn says(output: &Output, words: &[&str]) {
    let text = out(output);
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn status_and_plan_say_what_is_so_and_what_comes_next_wherever_kubectl_would_look() {
    let api = ControlPlane::start().expect("etcd and an API server start");
    for definition in wickr_operator_api::crds() {
        api.apply(&serde_json::to_string(&definition).unwrap()).unwrap();
    }
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    assert!(api.kubectl().args(established).status().unwrap().success());
    let nothing = plugin(&api, &["status", "hq"]);
    assert!(!nothing.status.success());
    says(
        &nothing,
        &["error: there is no WickrNetwork \"hq\" in namespace \"default\"; nor in any other namespace"],
    );

    api.apply(&network("default", "hq", 30443).to_string()).unwrap();
    let tree = "WickrNetwork default/hq  not judged yet: is the operator running?";
    says(&plugin(&api, &["status"]), &[tree]);
    says(&plugin(&api, &["status", "hq", "-n", "default"]), &[tree]);
    says(
        &plugin(&api, &["plan", "hq"]),
        &[
            "# no operator is found in this cluster",
            "make key hq-root (there is none)",
            "create Service default/hq-relay",
            "hold KeysBeingMade: WickrNetwork default/hq",
        ],
    );

    // A wrong name is answered with those there are, here or elsewhere.
    let wrong = plugin(&api, &["status", "hp"]);
    assert!(!wrong.status.success());
    says(&wrong, &["there is no WickrNetwork \"hp\" in namespace \"default\"; there is \"hq\""]);
    says(&plugin(&api, &["plan", "hq", "-n", "kube-system"]), &["elsewhere there are: hq -n default"]);

    // Another network of that domain, in a namespace that is not looked into, is in the way all the same.
    assert!(api.kubectl().args(["create", "namespace", "second"]).status().unwrap().success());
    // Ages are whole seconds; of two of one age the uid would decide.
    until("the second network to be the younger", Duration::from_secs(10), || {
        api.apply(&network("second", "two", 30445).to_string())?;
        if born(&api, "second", "two") != born(&api, "default", "hq") {
            return Ok(Some(()));
        }
        assert!(api.kubectl().args(["delete", "wn", "two", "-n", "second"]).status()?.success());
        Ok(None)
    })
    .unwrap();
    let refused = "refused, nothing is changed: spec.domain: \"hq.example\" belongs to the older WickrNetwork default/hq";
    says(&plugin(&api, &["plan", "two", "-n", "second"]), &[refused]);

    // All namespaces at once, and what kubectl refuses too.
    says(&plugin(&api, &["status", "-A"]), &[tree, "WickrNetwork second/two  not judged yet"]);
    says(
        &plugin(&api, &["plan", "-A"]),
        &["WickrNetwork default/hq\n  make key hq-root", "WickrNetwork second/two\n  refused"],
    );
    let both = plugin(&api, &["status", "hq", "-A"]);
    assert!(!both.status.success());
    says(&both, &["can't be named together with --all-namespaces"]);

    // The current context's namespace is where it looks.
    let set = ["config", "set-context", "--current", "--namespace=second"];
    assert!(api.kubectl().args(set).status().unwrap().success());
    says(&plugin(&api, &["status"]), &["WickrNetwork second/two"]);
}

//! The binary while API server and etcd are killed and etcd comes back in an older state: it converges, writes no key
//! again, and no document's number comes again (each request that fails: `under_fire`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod replica;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use wickr_cluster::{ControlPlane, until};

use replica::{PATIENCE, Replica, furnish, kubectl, network};

/// After a cut the lease is taken and every watch begun anew first.
const CONVERGES: Duration = Duration::from_mins(1);

fn network_at(api: &ControlPlane, namespace: &str) -> Value {
    let shown = kubectl(api, &["get", "wickrnetwork", "hq", "--namespace", namespace, "--output=json"]);
    serde_json::from_str(&shown).unwrap()
}

fn reason(network: &Value) -> Option<&str> {
    let conditions = network["status"]["conditions"].as_array()?;
    conditions.iter().find(|it| it["type"] == "Progressing")?["reason"].as_str()
}

/// Waits until status says that of the present spec.
fn until_it_says(api: &ControlPlane, namespace: &str, word: &str) -> Value {
    let mut last = Value::Null;
    let settled = until(&format!("{namespace} is {word}"), CONVERGES, || {
        last = network_at(api, namespace);
        let of_now = last["status"]["observedGeneration"] == last["metadata"]["generation"];
        Ok((of_now && reason(&last) == Some(word)).then(|| last.clone()))
    });
    settled.unwrap_or_else(|error| panic!("{error}: {last:#}"))
}

fn number(network: &Value) -> u64 {
    network["status"]["document"]["number"].as_u64().unwrap()
}

/// Uid and version of every key, by namespace and name.
fn keys(api: &ControlPlane, namespace: &[&str]) -> BTreeMap<String, String> {
    const PATH: &str = "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.metadata.uid} \
                        {.metadata.resourceVersion}{\"\\n\"}{end}";
    let all = [&["get", "secrets", "--selector=wickr.dev/network", "--output", PATH], namespace].concat();
    let shown = kubectl(api, &all);
    shown
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, is)| (name.to_owned(), is.to_owned()))
        .collect()
}

fn moves_to(api: &ControlPlane, namespace: &str, port: u16) {
    let patch = json!({"spec": {"exposure": {"service": {"relayPort": port}}}}).to_string();
    kubectl(api, &["patch", "wickrnetwork", "hq", "-n", namespace, "--type=merge", "--patch", &patch]);
    let path = "jsonpath={.spec.ports[0].nodePort}";
    until(&format!("port {port} is served"), PATIENCE, || {
        let served = kubectl(api, &["get", "service", "hq-relay-public", "-n", namespace, "-o", path]);
        Ok((served == port.to_string()).then_some(()))
    })
    .unwrap();
}

fn paused(api: &ControlPlane, namespace: &str, paused: bool) {
    let patch = json!({"spec": {"paused": paused}}).to_string();
    kubectl(api, &["patch", "wickrnetwork", "hq", "-n", namespace, "--type=merge", "--patch", &patch]);
}

#[test]
fn after_a_restore_of_etcd_it_goes_on_from_what_is_there_and_no_document_number_comes_again() {
    let mut api = ControlPlane::start().unwrap();
    furnish(&api, &["kept", "late", "lost"]);
    let operator = Replica::start(&api, "one", &[]);
    operator.until_it_leads(true);
    api.apply(&network("kept", 30100).to_string()).unwrap();
    let mut late = network("late", 30200);
    late["spec"]["paused"] = true.into();
    api.apply(&late.to_string()).unwrap();
    until_it_says(&api, "late", "Paused");
    until_it_says(&api, "kept", "Settled");
    moves_to(&api, "kept", 30110);
    assert_eq!(number(&until_it_says(&api, "kept", "Settled")), 2);
    let before = keys(&api, &["--namespace=kept"]);
    let copy = api.copy_etcd().unwrap();

    // What the copy does not have: a document, a network's keys, a whole network.
    moves_to(&api, "kept", 30112);
    assert_eq!(number(&until_it_says(&api, "kept", "Settled")), 3);
    paused(&api, "late", false);
    let root = until_it_says(&api, "late", "Settled")["status"]["root"].clone();
    api.apply(&network("lost", 30300).to_string()).unwrap();
    until_it_says(&api, "lost", "Settled");

    api.put_back(&copy).unwrap();
    let kept = until("the lost number is passed over", CONVERGES, || {
        let kept = network_at(&api, "kept");
        // Number 3 said something else.
        Ok((number(&kept) > 3 && reason(&kept) == Some("Settled")).then_some(kept))
    })
    .unwrap();
    let restored = number(&kept);
    println!("it goes on with document {restored}");
    assert_eq!(kept["spec"]["exposure"]["service"]["relayPort"], 30110);
    assert_eq!(keys(&api, &["--namespace=kept"]), before, "no key is written again");
    assert_eq!(keys(&api, &["--namespace=late"]).len(), 0);
    assert_eq!(keys(&api, &["--namespace=lost"]).len(), 0, "nothing is made for what is not there");

    // Keys that are lost are made anew, under another root: whoever joined under the old one joins again.
    paused(&api, "late", false);
    let late = until_it_says(&api, "late", "Settled");
    assert!(late["status"]["root"] != root && number(&late) == 2, "{late:#}");
    api.apply(&network("lost", 30300).to_string()).unwrap();
    assert_eq!(number(&until_it_says(&api, "lost", "Settled")), 2);
    moves_to(&api, "kept", 30114);
    assert!(number(&until_it_says(&api, "kept", "Settled")) > restored);
    assert_eq!(keys(&api, &["--namespace=kept"]), before);
}

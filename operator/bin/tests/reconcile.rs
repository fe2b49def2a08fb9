//! Whole passes against a fake API server: order, quiet, faults, deletion; and that watches are what gather reads
//! (rights: `reconcile_rights`; renewal: `reconcile_renewal`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod fake;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fake::{bench, bench_at, cluster, network_object, provider_object, shown, until};
use serde_json::json;
use wickr_base::{ManualClock, UnixMillis};
use wickr_operator::kinds::{network_watches, provider_watches};
use wickr_operator::{identity_provider, network};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_kube::{Asked, Key, Watch};
use wickr_operator_testkit::fake_cluster::Fault;

fn position(writes: &[String], what: &str) -> usize {
    writes.iter().position(|write| write == what).unwrap_or_else(|| panic!("{what} is not in {writes:#?}"))
}

#[tokio::test]
async fn keys_come_first_then_addresses_pods_last_and_status_after_them() {
    let cluster = cluster();
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let writes = bench.writes();
    let order = [
        "create Secret hq/hq-root",
        "create Secret hq/hq-workload-issuer",
        "create Secret hq/hq-tls-relay",
        "create Service hq/hq-relay",
        "create ConfigMap hq/hq-relay-config",
        "create NetworkPolicy hq/hq-relay",
        "create ConfigMap hq/hq-document",
        "create PersistentVolumeClaim hq/hq-relay-data",
        "create StatefulSet hq/hq-relay",
        "apply WickrNetwork hq/hq/status",
    ];
    let places: Vec<usize> = order.iter().map(|what| position(&writes, what)).collect();
    assert!(places.is_sorted(), "{writes:#?}");
}

#[tokio::test]
async fn a_pass_that_finds_everything_as_it_should_be_writes_nothing() {
    let cluster = cluster();
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    // Until what the services say has settled too: nobody resolves their names here.
    for (type_, reason) in [
        ("RelayReady", "RelayUnreachable"),
        ("SsoReady", "SsoUnreachable"),
        ("PublicReady", "PublicUnreachable"),
    ] {
        bench.reason(type_, reason).await;
    }
    bench.pass().await;
    bench.writes();
    for _ in 0..3 {
        bench.pass().await;
    }
    assert_eq!(bench.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn conflicts_limits_and_server_errors_are_tried_again_until_they_pass() {
    for code in [409, 429, 500, 503] {
        let cluster = cluster();
        cluster.fault(Fault::next("create", "services", 2, code));
        let bench = bench(&cluster);
        cluster.put("wickrnetworks", &network_object());
        bench.settled().await;
        assert!(cluster.get("statefulsets", "hq", "hq-relay").is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_port_that_the_api_server_refuses_is_named_by_its_field_and_never_told_to_clients() {
    let cluster = cluster();
    let words = "Service \"hq-relay-public\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is \
                 not in the valid range. The range of valid ports is 30000-32767";
    cluster.fault(Fault::next("create", "services", 1000, 422).about("hq-relay-public", words));
    let bench = bench(&cluster);
    let mut network = network_object();
    network["spec"]["exposure"]["service"]["relayPort"] = 80.into();
    cluster.put("wickrnetworks", &network);
    let message = bench.reason("Ready", "ApplyRefused").await;
    assert!(
        message.contains("spec.exposure.service.relayPort: ") && message.contains("30000-32767"),
        "{message}"
    );
    assert!(
        message.contains("Next: set spec.exposure.service.relayPort to a port that is free"),
        "{message}"
    );
    assert_eq!(cluster.get("configmaps", "hq", "hq-document"), None, "nothing is signed");
    assert_eq!(cluster.get("wickrnetworks", "hq", "hq").unwrap()["status"]["join"], json!(null));
    cluster.heal();
    cluster.edit("wickrnetworks", "hq", "hq", "somebody", |it| {
        it["spec"]["exposure"]["service"]["relayPort"] = 30500.into();
    });
    bench.settled().await;
    let network = cluster.get("wickrnetworks", "hq", "hq").unwrap();
    assert_eq!(network["status"]["document"]["number"], 1, "{}", network["status"]);
    assert!(network["status"]["join"].as_str().unwrap().starts_with("wickr://chat.hq.example:30500/"));
}

#[tokio::test]
async fn a_document_is_renewed_though_a_service_is_refused_as_long_as_it_names_no_new_address() {
    let cluster = cluster();
    let clock = Arc::new(ManualClock::at(UnixMillis::from_seconds(1_767_312_000)));
    let bench = bench_at(&cluster, clock.clone());
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let document = || cluster.get("configmaps", "hq", "hq-document").unwrap()["data"].clone();
    let before = document();
    cluster.fault(Fault::next("apply", "services", 1000, 422).about("hq-relay-public", "no"));
    cluster
        .edit("services", "hq", "hq-relay-public", "somebody", |it| it["spec"]["type"] = "ClusterIP".into());
    clock.advance(Duration::from_hours(21 * 24));
    shown("the cache shows it", || {
        bench.cached("services", "hq-relay-public", "/spec/type", &json!("ClusterIP"))
    })
    .await;
    bench.pass().await;
    bench.reason("Degraded", "ApplyRefused").await;
    assert_ne!(document(), before, "it would end in nine days");
}

#[tokio::test]
async fn an_event_that_the_api_server_did_not_take_is_told_by_the_next_pass() {
    let cluster = cluster();
    cluster.fault(Fault::next("create", "events", 1, 503));
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let reasons = || -> Vec<String> {
        let names = cluster.names();
        let events =
            names.iter().filter_map(|name| cluster.get("events", "hq", name.strip_prefix("Event hq/")?));
        events.filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
    };
    until(&cluster, "keys are made only once, and told all the same", || {
        reasons().contains(&"KeysMade".to_owned()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_object_under_our_name_is_left_alone_and_told() {
    let cluster = cluster();
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"theirs": "x"},
                        "metadata": {"name": "hq-relay-config", "namespace": "hq"}});
    cluster.put("configmaps", &theirs);
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let message = until(&cluster, "it is told", || {
        let found = bench.condition("wickrnetworks", "hq", "Degraded")?;
        found.1.contains("hq-relay-config").then_some(found.1)
    })
    .await;
    assert!(message.contains("exists already and is not ours"), "{message}");
    assert_eq!(cluster.get("configmaps", "hq", "hq-relay-config").unwrap()["data"], json!({"theirs": "x"}));
}

#[tokio::test]
async fn a_paused_network_is_not_touched_but_its_status_is_told_and_it_can_be_deleted() {
    let cluster = cluster();
    let bench = bench(&cluster);
    let mut network = network_object();
    network["spec"]["deletionPolicy"] = "Delete".into();
    cluster.put("wickrnetworks", &network);
    bench.settled().await;
    cluster.edit("wickrnetworks", "hq", "hq", "somebody", |it| it["spec"]["paused"] = true.into());
    bench.reason("Progressing", "Paused").await;
    cluster.edit("services", "hq", "hq-relay", "somebody", |it| {
        it["spec"]["publishNotReadyAddresses"] = false.into();
    });
    shown("the cache shows it", || {
        bench.cached("services", "hq-relay", "/spec/publishNotReadyAddresses", &json!(false))
    })
    .await;
    bench.pass().await;
    assert_eq!(cluster.get("services", "hq", "hq-relay").unwrap()["spec"]["publishNotReadyAddresses"], false);
    cluster.delete("wickrnetworks", "hq", "hq");
    until(&cluster, "the network is gone", || {
        cluster.get("wickrnetworks", "hq", "hq").is_none().then_some(())
    })
    .await;
    assert!(cluster.get("secrets", "hq", "hq-root").is_none());
    assert!(cluster.get("persistentvolumeclaims", "hq", "hq-relay-data").is_none());
}

#[tokio::test]
async fn a_provider_says_which_secret_is_missing_and_goes_on_when_it_is_there() {
    let cluster = cluster();
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    cluster.put("identityproviders", &provider_object());
    let message = until(&cluster, "it is told", || {
        let found = bench.condition("identityproviders", "idp", "Accepted")?;
        found.1.contains("Secret").then_some(found.1)
    })
    .await;
    assert!(message.contains("spec.clientSecretRef") && message.contains("idp"), "{message}");
}

/// What is declared, in the words of `Asked`.
fn declared(watches: Vec<Watch>) -> BTreeSet<Asked> {
    let name = |watch: Watch| {
        let group = if watch.resource.group.is_empty() {
            String::new()
        } else {
            format!(".{}", watch.resource.group)
        };
        Asked { resource: format!("{}{group}", watch.resource.plural), watched: true }
    };
    watches.into_iter().map(name).collect()
}

#[tokio::test]
async fn watches_exist_for_exactly_what_gather_reads() {
    let cluster = cluster();
    let bench = bench(&cluster);
    let mut given = network_object();
    given["spec"]["exposure"]["tls"] = json!({"secretRef": {"name": "tls"}});
    let network: WickrNetwork = serde_json::from_value(given).unwrap();
    let provider: IdentityProvider = serde_json::from_value(provider_object()).unwrap();
    shown("the caches are declared", || (!bench.context.cache.standings().is_empty()).then_some(())).await;
    bench.context.cache.wait_settled().await;

    let by_name = |plural: &str| Asked { resource: plural.to_owned(), watched: false };
    let view = bench.context.view();
    network::gather(&bench.context, &view, &network, &Key::new("hq", "hq")).await.unwrap();
    let mut expected = declared(network_watches(&bench.context.cache));
    expected.insert(by_name("secrets"));
    assert_eq!(view.asked(), expected);

    let view = bench.context.view();
    identity_provider::gather(&bench.context, &view, &provider, &Key::new("hq", "idp")).await.unwrap();
    let mut expected = declared(provider_watches(&bench.context.cache));
    expected.extend([by_name("secrets"), by_name("configmaps")]);
    assert_eq!(view.asked(), expected);
}

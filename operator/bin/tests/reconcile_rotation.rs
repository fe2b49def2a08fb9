//! Keys are replaced step by step; an operator that is gone at any request is followed by one that goes on. (What needs
//! the services' word: core's `rotation_steps`.)

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod fake;

use std::sync::Arc;
use std::time::Duration;

use fake::{bench_at, cluster, network_object, until};
use futures::{StreamExt as _, stream};
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use wickr_base::{ManualClock, UnixMillis};
use wickr_operator_testkit::fake_cluster::{FakeCluster, Hit};
use wickr_pki::trust::{TrustedDocument, read_document};
use wickr_pki::{CertificateDer, certificates_from_pem, fingerprint_spki, root_pin};

/// How many rotations run beside each other.
const BESIDE: usize = 8;

const START: UnixMillis = UnixMillis(1_767_312_000_000);

fn pem(cluster: &FakeCluster, secret: &str, key: &str) -> Vec<CertificateDer<'static>> {
    let data = cluster.get("secrets", "hq", secret).unwrap()["data"][key].clone();
    certificates_from_pem(&serde_json::from_value::<ByteString>(data).unwrap().0).unwrap()
}

fn document(cluster: &FakeCluster, now: UnixMillis) -> TrustedDocument {
    let map = cluster.get("configmaps", "hq", "hq-document").unwrap();
    let root = root_pin(&pem(cluster, "hq-root", "tls.crt")[0]).unwrap();
    read_document(map["data"]["document.json"].as_str().unwrap().as_bytes(), &[root], now).unwrap()
}

/// Everything that can be done without the services' word is done.
fn announced(cluster: &FakeCluster, now: UnixMillis, first: &CertificateDer<'_>) -> Option<()> {
    let document = document(cluster, now);
    let key = pem(cluster, "hq-document-key", "tls.crt");
    let anchors = &document.document.anchors;
    let leafs = ["hq-tls-relay", "hq-tls-sso", "hq-operator-client", "hq-public-tls"];
    let done = document.signer == key[0]
        && key[0] != *first
        && (anchors.workload.len(), anchors.document.len(), anchors.device.len()) == (2, 2, 2)
        && leafs.iter().all(|leaf| pem(cluster, leaf, "ca.crt").len() == 2);
    done.then_some(())
}

/// A rotation whose operator is gone at that request; how many requests there were.
async fn rotation(gone_at: u64) -> u64 {
    let cluster = cluster();
    let clock = Arc::new(ManualClock::at(START));
    cluster.put("wickrnetworks", &network_object());
    let bench = bench_at(&cluster, clock.clone());
    bench.settled().await;
    let issuers = ["hq-workload-issuer", "hq-document-issuer", "hq-device-issuer", "hq-root"];
    let data = |name: &str| cluster.get("secrets", "hq", name).unwrap()["data"].clone();
    let before = issuers.map(data);
    let first = pem(&cluster, "hq-document-key", "tls.crt").remove(0);
    drop(bench);
    clock.advance(Duration::from_hours(1));
    let now = START.plus(Duration::from_hours(1));
    let day = now.to_string();
    cluster.edit("wickrnetworks", "hq", "hq", "somebody", |it| {
        let after =
            json!({"documentKey": day, "workloadIssuer": day, "documentIssuer": day, "deviceIssuer": day});
        it["spec"]["keys"] = json!({"overlap": "15s", "rotateAfter": after});
    });
    cluster.take_writes();
    cluster.strike(gone_at, Hit::CutAfter);
    let bench = bench_at(&cluster, clock.clone());
    until(&cluster, "it is struck, or it is through", || {
        (cluster.struck().is_some() || announced(&cluster, now, &first).is_some()).then_some(())
    })
    .await;
    drop(bench);
    let asked = cluster.asked();
    let bench = bench_at(&cluster, clock.clone());
    let what = format!("gone at request {gone_at} ({:?})", cluster.struck());
    until(&cluster, &what, || announced(&cluster, now, &first)).await;
    // Nobody signs with a successor yet, and each was made once.
    assert_eq!(issuers.map(data), before, "{what}");
    let writes = bench.writes();
    for next in ["hq-workload-issuer-next", "hq-document-issuer-next", "hq-device-issuer-next"] {
        let made = writes.iter().filter(|write| **write == format!("create Secret hq/{next}")).count();
        assert_eq!(made, 1, "{what}: {writes:#?}");
        let (next, present) =
            (pem(&cluster, next, "tls.crt"), pem(&cluster, &next.replace("-next", ""), "tls.crt"));
        assert_ne!(fingerprint_spki(&next[0]).unwrap(), fingerprint_spki(&present[0]).unwrap());
    }
    assert!(!writes.iter().any(|write| write.starts_with("delete ")), "{what}: {writes:#?}");
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_gone_at_any_request_of_a_rotation_is_followed_by_one_that_goes_on() {
    let quiet = rotation(u64::MAX).await;
    assert!(quiet > 10, "{quiet}");
    let all = stream::iter(0..quiet).map(|gone_at| tokio::spawn(rotation(gone_at))).buffer_unordered(BESIDE);
    all.for_each(|done| async { assert_ne!(done.unwrap(), 0, "it asked for something") }).await;
}

#[tokio::test]
async fn a_successor_that_has_taken_its_place_leaves_no_second_secret() {
    let cluster = cluster();
    let bench = bench_at(&cluster, Arc::new(ManualClock::at(START)));
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let mut next: Value = cluster.get("secrets", "hq", "hq-workload-issuer").unwrap();
    let labels = next["metadata"]["labels"].take();
    next["metadata"] = json!({"name": "hq-workload-issuer-next", "namespace": "hq", "labels": labels});
    cluster.put("secrets", &next);
    until(&cluster, "it is gone", || {
        cluster.get("secrets", "hq", "hq-workload-issuer-next").is_none().then_some(())
    })
    .await;
    assert!(cluster.get("secrets", "hq", "hq-workload-issuer").is_some());
}

#[tokio::test]
async fn who_takes_over_after_a_spec_changed_never_says_that_nobody_was_asked() {
    let cluster = cluster();
    let clock = Arc::new(ManualClock::at(START));
    cluster.put("wickrnetworks", &network_object());
    let bench = bench_at(&cluster, clock.clone());
    bench.reason("RelayReady", "RelayUnreachable").await;
    drop(bench);
    clock.advance(Duration::from_hours(1));
    let day = START.plus(Duration::from_hours(1)).to_string();
    cluster.edit("wickrnetworks", "hq", "hq", "somebody", |it| {
        it["spec"]["keys"] = json!({"overlap": "15s", "rotateAfter": {"workloadIssuer": day}});
    });
    let network = || cluster.get("wickrnetworks", "hq", "hq").unwrap();
    let before = network()["status"]["observedGeneration"].clone();
    let bench = bench_at(&cluster, clock.clone());
    until(&cluster, "the new spec is judged", || {
        (network()["status"]["observedGeneration"] != before).then_some(())
    })
    .await;
    bench.reason("RelayReady", "RelayUnreachable").await;
    let conditions = network()["status"]["conditions"].as_array().unwrap().clone();
    let relay = conditions.iter().find(|condition| condition["type"] == "RelayReady").unwrap();
    let since = relay["lastTransitionTime"].as_str().unwrap();
    let later = START.plus(Duration::from_mins(30)).to_string();
    assert!(since < later.as_str(), "it was something else meanwhile: {relay}");
}

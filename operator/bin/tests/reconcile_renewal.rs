//! Time passes: certificates are renewed where pods mount them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod fake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fake::{bench_at, cluster, network_object};
use serde_json::Value;
use wickr_base::{ManualClock, UnixMillis};
use wickr_operator_testkit::fake_cluster::FakeCluster;

/// Data of every Secret of the network.
fn secrets(cluster: &FakeCluster) -> BTreeMap<String, Value> {
    let names =
        cluster.names().into_iter().filter_map(|name| name.strip_prefix("Secret hq/").map(str::to_owned));
    names.map(|name| (name.clone(), cluster.get("secrets", "hq", &name).unwrap()["data"].clone())).collect()
}

#[tokio::test]
async fn workload_certificates_are_renewed_where_pods_mount_them_and_durable_keys_are_left_alone() {
    let cluster = cluster();
    let clock = Arc::new(ManualClock::at(UnixMillis(1_767_312_000_000)));
    let bench = bench_at(&cluster, clock.clone());
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let before = secrets(&cluster);
    let pods = cluster.get("statefulsets", "hq", "hq-relay").unwrap();
    clock.advance(Duration::from_hours(21 * 24));
    bench.pass().await;
    let after = secrets(&cluster);
    let changed: Vec<&String> = after.keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(changed, ["hq-operator-client", "hq-public-tls", "hq-tls-relay", "hq-tls-sso"]);
    let end = |data: &Value| {
        let pem: k8s_openapi::ByteString = serde_json::from_value(data["tls.crt"].clone()).unwrap();
        let certificates = wickr_pki::certificates_from_pem(&pem.0).unwrap();
        wickr_pki::describe(&certificates[0]).unwrap().not_after
    };
    for name in changed {
        let gained = end(&after[name]).since(end(&before[name]));
        assert_eq!(gained, Duration::from_hours(21 * 24), "{name} lives thirty days from now on again");
    }
    // The files change under the pods, which read them again in place.
    let spec = |set: &Value| set["spec"]["template"].clone();
    assert_eq!(spec(&cluster.get("statefulsets", "hq", "hq-relay").unwrap()), spec(&pods));
    bench.writes();
    bench.pass().await;
    assert_eq!(secrets(&cluster), after, "once");
}

//! Two operators over one fake API server: one acts, the other knows everything and does nothing until its turn; what a
//! stopped leader had on the wire does no damage (the lease alone: operator/kube/tests/lease.rs). Time is
//! the paused clock's: a sleep here waits for nobody.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod fake;

use std::sync::Arc;
use std::time::Duration;

use fake::{cluster, network_object, parts, shown, until};
use serde_json::Value;
use tokio::task::JoinHandle;
use wickr_base::{Clock, SeededRng, UnixMillis};
use wickr_operator::wiring::Operator;
use wickr_operator_kube::lease::{Keeper, LOOK, Lead};
use wickr_operator_kube::{Key, Metrics, VERBS};
use wickr_operator_testkit::clock::RuntimeClock;
use wickr_operator_testkit::fake_cluster::{FakeCluster, Wire};

/// One of the two; dropped, it is gone without a word.
struct Replica {
    wire: Wire,
    lead: Lead,
    metrics: Metrics,
    context: Arc<wickr_operator::context::Context>,
    task: JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn replica(cluster: &FakeCluster, seed: u64) -> Replica {
    let wire = Wire::to(cluster);
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::at(UnixMillis(1_767_312_000_000)));
    let metrics = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap();
    let at = Key::new("wickr-system", "wickr-operator");
    let (rng, requests) = (SeededRng::new(seed), metrics.requests());
    let mut keeper = Keeper::new(wire.client(), at, "pod", clock.clone(), &rng, requests);
    let lead = keeper.lead();
    let mut parts = parts(wire.client(), clock, lead.clone());
    parts.metrics = metrics.clone();
    let operator = Operator::new(parts);
    let context = operator.context.clone();
    let task = tokio::spawn(async move {
        tokio::join!(operator.run(2), keeper.run());
    });
    Replica { wire, lead, metrics, context, task }
}

impl Replica {
    /// Everything that it wrote, the lease aside.
    fn writes(&self) -> u64 {
        let requests = self.metrics.requests();
        VERBS.iter().filter(|verb| !["get", "lease"].contains(verb)).map(|verb| requests.so_far(verb)).sum()
    }
}

/// The first leads, and has settled the network; the second stands by.
async fn pair(cluster: &FakeCluster) -> (Replica, Replica) {
    let first = replica(cluster, 1);
    first.lead.gained().await;
    let second = replica(cluster, 2);
    cluster.put("wickrnetworks", &network_object());
    until(cluster, "the network has settled", || progressing(cluster).filter(|it| it == "Settled")).await;
    shown("the second knows it too", || {
        let names = second.context.cache.standings();
        (!names.is_empty() && second.context.cache.settled()).then_some(())
    })
    .await;
    (first, second)
}

fn progressing(cluster: &FakeCluster) -> Option<String> {
    let network = cluster.get("wickrnetworks", "hq", "hq")?;
    let all = network["status"]["conditions"].as_array()?.clone();
    let found = all.into_iter().find(|condition| condition["type"] == "Progressing")?;
    found["reason"].as_str().map(str::to_owned)
}

/// Somebody spoils a Service of the network.
fn spoil(cluster: &FakeCluster) {
    cluster.edit("services", "hq", "hq-relay", "somebody", |service| {
        service["spec"]["publishNotReadyAddresses"] = false.into();
    });
}

fn service(cluster: &FakeCluster) -> Option<Value> {
    cluster.get("services", "hq", "hq-relay")
}

async fn corrected(cluster: &FakeCluster) -> Value {
    let good = |service: &Value| service["spec"]["publishNotReadyAddresses"] == true;
    until(cluster, "the Service is corrected", || service(cluster).filter(good)).await
}

#[tokio::test(start_paused = true)]
async fn the_one_that_stands_by_is_ready_and_silent_and_acts_when_the_leader_is_killed() {
    let cluster = cluster();
    let (first, second) = pair(&cluster).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(first.writes() > 20, "{}", first.writes());
    assert_eq!((second.writes(), second.metrics.polls().asked.get()), (0, 0));
    drop(first);
    spoil(&cluster);
    corrected(&cluster).await;
    assert!(second.lead.leads() && second.metrics.polls().asked.get() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_leaders_write_lands_as_a_conflict_where_the_next_one_has_changed_the_object() {
    let cluster = cluster();
    let (first, second) = pair(&cluster).await;
    let stopped = first.wire.stop_at("apply", "services");
    spoil(&cluster);
    assert_eq!(stopped.await.unwrap(), "apply services/hq-relay", "checked and sent, on the way");
    second.lead.gained().await;
    let before = corrected(&cluster).await;
    cluster.take_writes();
    first.wire.go_on().await;
    assert_eq!(service(&cluster), Some(before));
    let landed: Vec<String> = cluster.take_writes().iter().map(ToString::to_string).collect();
    assert!(!landed.iter().any(|write| write.contains("Service ")), "{landed:?}");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!first.lead.leads() && second.lead.leads());
    // And once more the other way round: who led before acts again.
    drop(second);
    spoil(&cluster);
    corrected(&cluster).await;
    assert!(first.lead.leads());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_leaders_write_brings_nothing_back_that_was_deleted() {
    let cluster = cluster();
    let (first, second) = pair(&cluster).await;
    let stopped = first.wire.stop_at("apply", "services");
    spoil(&cluster);
    stopped.await.unwrap();
    second.lead.gained().await;
    corrected(&cluster).await;
    cluster.remove("wickrnetworks", "hq", "hq");
    for name in cluster.names() {
        if let Some(name) = name.strip_prefix("Service hq/") {
            cluster.remove("services", "hq", name);
        }
    }
    first.wire.go_on().await;
    tokio::time::sleep(LOOK + Duration::from_mins(1)).await;
    assert_eq!(service(&cluster), None);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_leaders_create_makes_nothing_twice() {
    let cluster = cluster();
    let first = replica(&cluster, 1);
    first.lead.gained().await;
    let second = replica(&cluster, 2);
    let stopped = first.wire.stop_at("create", "secrets");
    cluster.put("wickrnetworks", &network_object());
    assert_eq!(stopped.await.unwrap(), "create secrets/", "the first key of all");
    second.lead.gained().await;
    until(&cluster, "the network has settled", || progressing(&cluster).filter(|it| it == "Settled")).await;
    let keys = || ["hq-root", "hq-device-issuer"].map(|name| cluster.get("secrets", "hq", name).unwrap());
    let before = keys();
    first.wire.go_on().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(keys(), before, "no second root");
}

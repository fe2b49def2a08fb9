//! The writer and the watches against a fake API server: order, no needless write, faults (pure parts: `src`).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test needs and does not find fails it")]

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::ApiResource;
use serde_json::{Value, json};
use wickr_operator_core::drift::drift;
use wickr_operator_kube::{
    Cache, Class, Failure, Key, Live, Metrics, Queue, Reported, Watch, Watches, Writer,
};
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault};

struct Bench {
    cluster: FakeCluster,
    cache: Cache,
    queue: Queue,
    writer: Writer,
}

fn config_map() -> ApiResource {
    ApiResource::erase::<ConfigMap>(&())
}

fn bench() -> Bench {
    let (cluster, cache, queue) = (FakeCluster::new(), Cache::default(), Queue::new());
    let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
    let writer = Writer::new(cluster.client(), cache.clone(), "network", requests);
    Bench { cluster, cache, queue, writer }
}

impl Bench {
    /// Watches config maps labelled `ours`, each waking the object named by that label.
    fn watch(&self) {
        let mut watches = Watches::new(self.cache.clone(), Vec::new());
        let wakes =
            |live: &Live| vec![Key::new(live.key().namespace, live.label("ours").unwrap_or_default())];
        let watch = Watch {
            resource: config_map(),
            labels: Some("ours".to_owned()),
            cluster_scoped: false,
            wakes: Arc::new(wakes),
        };
        watches.add("network", &config_map(), vec![watch], &self.queue);
        let client = self.cluster.client();
        tokio::spawn(async move { watches.run(client).await });
    }

    async fn woken(&self) -> Key {
        let key = tokio::time::timeout(Duration::from_secs(30), self.queue.next())
            .await
            .expect("something wakes it");
        self.queue.done(&key, None);
        key
    }

    async fn synced(&self) {
        while self.cache.standing(&config_map(), "").is_none() {
            tokio::task::yield_now().await;
        }
        self.cache.wait_settled().await;
    }
}

fn want(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
           "metadata": {"name": "c", "namespace": "hq", "labels": {"ours": "hq"}}, "data": {"a": value, "b": "1"}})
}

fn key() -> Key {
    Key::new("hq", "c")
}

#[tokio::test]
async fn what_was_created_is_no_drift_and_a_dropped_field_goes_with_the_next_apply() {
    let bench = bench();
    let made = bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap();
    assert_eq!(drift(&want("1"), made.value(), "wickr-network", ""), None);
    let mut smaller = want("2");
    smaller["data"].as_object_mut().unwrap().remove("b");
    smaller["metadata"]["annotations"] = json!({"hash": "2"});
    assert!(drift(&smaller, made.value(), "wickr-network", "").is_some());
    smaller["metadata"]["resourceVersion"] = made.resource_version().into();
    let applied = bench.writer.apply(&config_map(), &key(), &smaller).await.unwrap();
    assert_eq!(
        applied.value()["data"],
        json!({"a": "2"}),
        "a field that was created can be taken away again"
    );
    assert_eq!(drift(&smaller, applied.value(), "wickr-network", ""), None);
    let verbs: Vec<_> = bench.cluster.take_writes().iter().map(|wrote| wrote.verb).collect();
    assert_eq!(verbs, ["create", "patch", "apply"], "fields move from created to applied once");
}

#[tokio::test]
async fn what_another_manager_took_over_is_drift_and_what_it_added_is_not() {
    let bench = bench();
    bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap();
    bench.cluster.edit("configmaps", "hq", "c", "someone", |object| object["data"]["theirs"] = "x".into());
    let live = |cluster: &FakeCluster| {
        Live::from_value(&config_map(), cluster.get("configmaps", "hq", "c").expect("it is there"))
    };
    assert_eq!(drift(&want("1"), live(&bench.cluster).value(), "wickr-network", ""), None);
    bench.cluster.edit("configmaps", "hq", "c", "someone", |object| object["data"]["a"] = "x".into());
    assert_eq!(drift(&want("1"), live(&bench.cluster).value(), "wickr-network", "").unwrap().path, ".data.a");
}

#[tokio::test]
async fn an_apply_over_a_newer_object_is_a_conflict_and_changes_nothing() {
    let bench = bench();
    let made = bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap();
    bench.cluster.edit("configmaps", "hq", "c", "someone", |object| object["data"]["x"] = "y".into());
    let mut body = want("2");
    body["metadata"]["resourceVersion"] = made.resource_version().into();
    let failure = bench.writer.apply(&config_map(), &key(), &body).await.unwrap_err();
    assert_eq!(failure.class(), Class::Transient);
    assert!(failure.is_conflict());
    assert_eq!(bench.cluster.get("configmaps", "hq", "c").unwrap()["data"]["a"], "1");
}

#[tokio::test]
async fn an_object_of_somebody_else_under_our_name_is_refused_and_left_alone() {
    let bench = bench();
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "hq"}, "data": {"a": "theirs"}});
    bench.cluster.put("configmaps", &theirs);
    let failure = bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap_err();
    assert!(matches!(failure, Failure::Occupied { .. }), "{failure}");
    assert_eq!(failure.class(), Class::Refused);
    assert_eq!(failure.next_step(), "rename or delete ConfigMap hq/c, the operator needs the name");
}

#[tokio::test]
async fn each_answer_has_its_class() {
    for (fault, class) in [
        (Fault::next("create", "", 1, 429), Class::Transient),
        (Fault::next("create", "", 1, 500), Class::Transient),
        (Fault::next("create", "", 1, 422), Class::Refused),
        (Fault::forbidden("create", "configmaps"), Class::Forbidden),
    ] {
        let bench = bench();
        bench.cluster.fault(fault);
        let failure = bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap_err();
        assert_eq!(failure.class(), class, "{failure}");
    }
}

#[tokio::test]
async fn a_status_is_written_once_and_again_only_when_it_differs() {
    let bench = bench();
    let resource = ApiResource { kind: "Thing".into(), plural: "things".into(), ..config_map() };
    let thing = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "hq"}, "spec": {}});
    let live = Live::from_value(&resource, bench.cluster.put("things", &thing));
    bench.cache.declare(&resource, "");
    bench.cache.learn(&live);
    let status = |ready: &str| json!({"conditions": [{"type": "Ready", "status": ready}], "waiting": []});
    assert_eq!(bench.writer.status(&live, &status("False")).await.unwrap(), Reported::Written);
    assert_eq!(
        bench.writer.status(&live, &status("False")).await.unwrap(),
        Reported::Unchanged,
        "even from an old view"
    );
    assert_eq!(bench.writer.status(&live, &status("True")).await.unwrap(), Reported::Written);
    bench.cluster.remove("things", "hq", "t");
    assert_eq!(bench.writer.status(&live, &status("False")).await.unwrap(), Reported::Gone);
    // Another one of that name: nothing is told of it that was so of the first.
    bench.cluster.put("things", &thing);
    assert!(bench.writer.status(&live, &status("False")).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn a_delete_hits_only_what_was_seen_and_a_missing_object_is_fine() {
    let bench = bench();
    let made = bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap();
    let other = bench.writer.delete(&config_map(), &key(), "another", "").await.unwrap_err();
    assert!(other.is_conflict());
    bench.writer.delete(&config_map(), &key(), made.uid(), made.resource_version()).await.unwrap();
    bench.writer.delete(&config_map(), &key(), made.uid(), made.resource_version()).await.unwrap();
    assert!(bench.cluster.names().is_empty());
}

#[tokio::test]
async fn a_fence_stops_every_write() {
    let bench = bench();
    let writer = bench.writer.clone().fenced(Arc::new(|| false));
    let failure = writer.create(&config_map(), &key(), &want("1")).await.unwrap_err();
    assert!(matches!(failure, Failure::Fenced { .. }));
    assert!(bench.cluster.names().is_empty());
}

#[tokio::test]
async fn changes_of_others_wake_the_owner_and_our_own_do_not() {
    let bench = bench();
    bench.queue.open();
    bench.watch();
    bench.synced().await;
    bench.writer.create(&config_map(), &key(), &want("1")).await.unwrap();
    bench.cluster.edit("configmaps", "hq", "c", "someone", |object| object["data"]["a"] = "x".into());
    assert_eq!(bench.woken().await, Key::new("hq", "hq"));
    assert_eq!(bench.cache.get(&config_map(), &key()).unwrap().unwrap().value()["data"]["a"], "x");
    bench.cluster.edit("configmaps", "hq", "c", "someone", |object| object["metadata"]["labels"] = json!({}));
    assert_eq!(bench.woken().await, Key::new("hq", "hq"), "an object that lost our label has gone");
    assert!(bench.cache.get(&config_map(), &key()).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_watch_is_said_at_once_and_recovers_when_the_right_is_there() {
    let bench = bench();
    bench.queue.open();
    bench.cluster.put("configmaps", &want("1"));
    bench.cluster.fault(Fault::forbidden("list", "configmaps"));
    bench.watch();
    bench.synced().await;
    let failure = bench.cache.list(&config_map(), "hq").unwrap_err();
    assert_eq!(failure.class(), Class::Forbidden);
    assert_eq!(
        failure.next_step(),
        "grant the operator the verbs list and watch on configmaps in the whole cluster"
    );
    bench.cluster.heal();
    assert_eq!(bench.woken().await, Key::new("hq", "hq"));
    assert_eq!(bench.cache.list(&config_map(), "hq").unwrap().len(), 1);
}

#[tokio::test]
async fn a_secret_made_by_create_is_never_written_over() {
    let bench = bench();
    let resource = ApiResource::erase::<Secret>(&());
    let body = |data: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"tls.key": data},
               "metadata": {"name": "hq-root", "namespace": "hq", "labels": {"wickr.dev/network": "hq"}}})
    };
    let at = Key::new("hq", "hq-root");
    bench.writer.create(&resource, &at, &body("Zmlyc3Q=")).await.unwrap();
    let second = bench.writer.create(&resource, &at, &body("c2Vjb25k")).await.unwrap_err();
    assert_eq!(second.class(), Class::Transient, "the next pass takes up what is there");
    assert_eq!(bench.cluster.get("secrets", "hq", "hq-root").unwrap()["data"]["tls.key"], "Zmlyc3Q=");
}

//! What the caches say of a watch while the API server says no to a part of it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ApiResource;
use serde_json::json;
use tokio::time::timeout;
use wickr_operator_kube::{Cache, Key, Live, Queue, Standing, Watch, Watches};
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault};

fn config_map() -> ApiResource {
    ApiResource::erase::<ConfigMap>(&())
}

fn watched(cluster: &FakeCluster) -> (Cache, Queue) {
    let (cache, queue) = (Cache::default(), Queue::new());
    queue.open();
    let mut watches = Watches::new(cache.clone(), Vec::new());
    let watch = Watch {
        resource: config_map(),
        labels: None,
        cluster_scoped: false,
        wakes: Arc::new(|live: &Live| vec![Key::new(live.key().namespace, "hq")]),
    };
    watches.add("network", &config_map(), vec![watch], &queue);
    let client = cluster.client();
    tokio::spawn(async move { watches.run(client).await });
    (cache, queue)
}

fn put(cluster: &FakeCluster, name: &str) {
    cluster.put(
        "configmaps",
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "hq", "name": name}}),
    );
}

/// Waits for a pass, and does it.
async fn passes(queue: &Queue, within: Duration) -> bool {
    let Ok(key) = timeout(within, queue.next()).await else { return false };
    queue.done(&key, None);
    true
}

fn is_failing(cache: &Cache) -> bool {
    matches!(cache.standing(&config_map(), ""), Some(Standing::Failing { forbidden: true, .. }))
}

/// Time stands still but for those who wait, so that minutes pass at once.
#[tokio::test(start_paused = true)]
async fn a_right_to_list_without_one_to_watch_is_no_until_it_is_granted() {
    let cluster = FakeCluster::new();
    cluster.fault(Fault::forbidden("watch", "configmaps"));
    let (cache, _) = watched(&cluster);
    while !is_failing(&cache) {
        tokio::task::yield_now().await;
    }
    for second in 0..120 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(is_failing(&cache), "in second {second}");
    }
    cluster.heal();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(cache.standing(&config_map(), ""), Some(Standing::Synced));
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_a_connection_is_dead_is_known_within_a_minute() {
    let cluster = FakeCluster::new();
    put(&cluster, "hq");
    let (cache, queue) = watched(&cluster);
    assert!(passes(&queue, Duration::from_secs(5)).await);
    cluster.silence();
    put(&cluster, "late");
    assert!(passes(&queue, Duration::from_mins(1)).await, "the watch is begun anew");
    assert!(cache.get(&config_map(), &Key::new("hq", "late")).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn every_object_is_looked_at_when_the_api_server_answers_again() {
    let cluster = FakeCluster::new();
    put(&cluster, "hq");
    let (cache, queue) = watched(&cluster);
    assert!(passes(&queue, Duration::from_secs(5)).await);
    cluster.silence();
    cluster.fault(Fault::next("", "", 1000, 503));
    assert!(!passes(&queue, Duration::from_mins(5)).await, "what was seen goes on counting");
    assert_eq!(cache.standing(&config_map(), ""), Some(Standing::Synced));
    cluster.heal();
    assert!(passes(&queue, Duration::from_secs(15)).await);
    assert!(!passes(&queue, Duration::from_mins(5)).await, "once");
}

#[tokio::test(start_paused = true)]
async fn what_a_restored_store_has_lost_is_forgotten_although_no_watch_says_so() {
    let cluster = FakeCluster::new();
    put(&cluster, "hq");
    let copied = cluster.copy();
    let (cache, queue) = watched(&cluster);
    assert!(passes(&queue, Duration::from_secs(5)).await);
    for name in ["late", "later"] {
        put(&cluster, name);
        assert!(passes(&queue, Duration::from_secs(5)).await);
    }
    cluster.put_back(&copied);
    assert!(!passes(&queue, Duration::from_secs(30)).await, "nothing tells");
    // What asks for one object again and again notices.
    cache.history().saw("3");
    cache.history().saw("1");
    assert!(passes(&queue, Duration::from_secs(15)).await);
    assert_eq!(cache.keys(&config_map(), ""), [Key::new("hq", "hq")]);
    put(&cluster, "late");
    assert!(passes(&queue, Duration::from_secs(5)).await, "the watch goes on where the store is");
}

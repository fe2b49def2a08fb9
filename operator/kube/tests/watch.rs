//! What the caches say of a watch while the API server says no to a part of it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ApiResource;
use wickr_operator_kube::{Cache, Key, Live, Queue, Standing, Watch, Watches};
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault};

fn config_map() -> ApiResource {
    ApiResource::erase::<ConfigMap>(&())
}

fn watched(cluster: &FakeCluster) -> Cache {
    let (cache, queue) = (Cache::default(), Queue::new());
    let mut watches = Watches::new(cache.clone(), Vec::new());
    let watch = Watch {
        resource: config_map(),
        labels: None,
        cluster_scoped: false,
        wakes: Arc::new(|live: &Live| vec![Key::new(live.key().namespace, "hq")]),
    };
    watches.add("network", &config_map(), vec![watch], &queue);
    tokio::spawn(watches.run(cluster.client()));
    cache
}

fn is_failing(cache: &Cache) -> bool {
    matches!(cache.standing(&config_map(), ""), Some(Standing::Failing { forbidden: true, .. }))
}

/// Time stands still but for those who wait, so that minutes pass at once.
#[tokio::test(start_paused = true)]
async fn a_right_to_list_without_one_to_watch_is_no_until_it_is_granted() {
    let cluster = FakeCluster::new();
    cluster.fault(Fault::forbidden("watch", "configmaps"));
    let cache = watched(&cluster);
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

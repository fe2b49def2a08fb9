//! Whole passes against a fake API server: order, quiet, faults, rights, deletion; and that watches are what gather reads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wickr_base::{SystemClock, SystemRng};
use wickr_operator::args::Args;
use wickr_operator::context::Context;
use wickr_operator::kinds::{network_watches, provider_watches};
use wickr_operator::network::NetworkController;
use wickr_operator::tell::Teller;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator::{identity_provider, network};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_kube::{Asked, Controller as _, Events, Key, Metrics, Outcome, Watch, Writer};
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault};

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

struct Bench {
    cluster: FakeCluster,
    context: Arc<Context>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn operator(cluster: &FakeCluster) -> Operator {
    Operator::new(Parts {
        client: cluster.client(),
        watching: cluster.client(),
        env: <Args as clap::Parser>::parse_from(["wickr-operator"]).env(),
        namespaces: Vec::new(),
        instance: "test".to_owned(),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        metrics: Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap(),
    })
}

/// An operator over a cluster with a default storage class and the network `hq/hq`.
fn bench(cluster: &FakeCluster) -> Bench {
    let operator = operator(cluster);
    let context = operator.context.clone();
    Bench { cluster: cluster.clone(), context, task: tokio::spawn(operator.run(2)) }
}

fn cluster() -> FakeCluster {
    let cluster = FakeCluster::new();
    cluster.put(
        "storageclasses",
        &json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "none",
                "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}),
    );
    cluster
}

fn network_object() -> Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork", "metadata": {"name": "hq", "namespace": "hq"},
           "spec": {"domain": "hq.example", "storage": {"embedded": {"size": "1Gi"}},
                    "signIn": {"identityProviderRef": {"name": "idp"}},
                    "exposure": {"hostname": "chat.hq.example", "service": {"relayPort": 30443, "ssoPort": 30444}}}})
}

fn provider_object() -> Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "IdentityProvider",
           "metadata": {"name": "idp", "namespace": "hq"},
           "spec": {"networkRef": {"name": "hq"}, "issuer": "https://sso.hq.example/realms/hq", "clientId": "wickr",
                    "clientSecretRef": {"name": "idp", "key": "secret"},
                    "caBundleRef": {"name": "idp-ca", "key": "ca.crt"}}})
}

impl Bench {
    fn condition(&self, plural: &str, name: &str, type_: &str) -> Option<(String, String)> {
        let object = self.cluster.get(plural, "hq", name)?;
        let all = object["status"]["conditions"].as_array()?.clone();
        let found = all.into_iter().find(|condition| condition["type"] == type_)?;
        Some((found["reason"].as_str()?.to_owned(), found["message"].as_str()?.to_owned()))
    }

    async fn reason(&self, type_: &str, reason: &str) -> String {
        until(&format!("{type_} has reason {reason}"), || {
            self.condition("wickrnetworks", "hq", type_)
                .filter(|found| found.0 == reason)
                .map(|found| found.1)
        })
        .await
    }

    /// One more pass, by hands that are the controller's.
    async fn pass(&self) -> Outcome {
        let metrics = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap();
        let client = self.cluster.client();
        let writer =
            Writer::new(client.clone(), self.context.cache.clone(), network::NAME, metrics.requests());
        let events =
            Events::new(client, network::NAME, "test", self.context.clock.clone(), metrics.requests());
        let controller = NetworkController::new(self.context.clone(), writer, Teller::new(events));
        controller.pass(&Key::new("hq", "hq"), 0).await
    }

    fn cached(&self, plural: &str, name: &str, pointer: &str, value: &Value) -> Option<()> {
        let watches = network_watches(&self.context.cache);
        let watch = watches.iter().find(|watch| watch.resource.plural == plural)?;
        let live = self.context.cache.get(&watch.resource, &Key::new("hq", name)).ok()??;
        (live.value().pointer(pointer) == Some(value)).then_some(())
    }

    async fn settled(&self) {
        self.reason("Progressing", "Settled").await;
    }

    fn writes(&self) -> Vec<String> {
        self.cluster.take_writes().iter().map(ToString::to_string).collect()
    }
}

async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

fn position(writes: &[String], what: &str) -> usize {
    writes.iter().position(|write| write == what).unwrap_or_else(|| panic!("{what} is not in {writes:#?}"))
}

#[tokio::test]
async fn keys_come_first_pods_last_and_status_after_them() {
    let cluster = cluster();
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    bench.settled().await;
    let writes = bench.writes();
    let order = [
        "create Secret hq/hq-root",
        "create Secret hq/hq-workload-issuer",
        "create Secret hq/hq-tls-relay",
        "create ConfigMap hq/hq-relay-config",
        "create Service hq/hq-relay",
        "create NetworkPolicy hq/hq-relay",
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
async fn a_missing_verb_is_told_with_verb_and_kind_and_what_to_do() {
    for (verb, plural) in [("create", "secrets"), ("create", "statefulsets"), ("list", "configmaps")] {
        let cluster = cluster();
        cluster.fault(Fault::forbidden(verb, plural));
        let bench = bench(&cluster);
        cluster.put("wickrnetworks", &network_object());
        let message = bench.reason("Ready", "Forbidden").await;
        assert!(message.contains(verb) && message.contains(plural) && message.contains("grant"), "{message}");
    }
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_in_its_words() {
    let cluster = cluster();
    cluster.fault(Fault {
        times: None,
        message: "exceeded quota: small".into(),
        ..Fault::next("create", "services", 1, 403)
    });
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let message = until("it is told", || {
        let found = bench.condition("wickrnetworks", "hq", "Degraded")?;
        found.1.contains("exceeded quota").then_some(found.1)
    })
    .await;
    assert!(message.contains("create Service hq/"), "{message}");
}

#[tokio::test]
async fn somebody_elses_object_under_our_name_is_left_alone_and_told() {
    let cluster = cluster();
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"theirs": "x"},
                        "metadata": {"name": "hq-relay-config", "namespace": "hq"}});
    cluster.put("configmaps", &theirs);
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let message = until("it is told", || {
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
    until("the cache shows it", || {
        bench.cached("services", "hq-relay", "/spec/publishNotReadyAddresses", &json!(false))
    })
    .await;
    bench.pass().await;
    assert_eq!(cluster.get("services", "hq", "hq-relay").unwrap()["spec"]["publishNotReadyAddresses"], false);
    cluster.delete("wickrnetworks", "hq", "hq");
    until("the network is gone", || cluster.get("wickrnetworks", "hq", "hq").is_none().then_some(())).await;
    assert!(cluster.get("secrets", "hq", "hq-root").is_none());
    assert!(cluster.get("persistentvolumeclaims", "hq", "hq-relay-data").is_none());
}

#[tokio::test]
async fn a_provider_says_which_secret_is_missing_and_goes_on_when_it_is_there() {
    let cluster = cluster();
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    cluster.put("identityproviders", &provider_object());
    let message = until("it is told", || {
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
    until("the caches are declared", || (!bench.context.cache.standings().is_empty()).then_some(())).await;
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

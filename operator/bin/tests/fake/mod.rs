//! An operator over a fake API server that begins with a default storage class.
#![allow(unreachable_pub, reason = "a module of several test crates")]
#![allow(dead_code, reason = "each test file uses another part of it")]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Client;
use serde_json::{Value, json};
use wickr_base::{Clock, SystemClock, SystemRng};
use wickr_operator::args::Args;
use wickr_operator::context::Context;
use wickr_operator::kinds::network_watches;
use wickr_operator::network::{self, NetworkController};
use wickr_operator::tell::Teller;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Controller as _, Events, Key, Metrics, Outcome, Writer};
use wickr_operator_testkit::fake_cluster::FakeCluster;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Bench {
    pub cluster: FakeCluster,
    pub context: Arc<Context>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn operator(cluster: &FakeCluster, clock: Arc<dyn Clock>) -> Operator {
    let lead = Lead::alone(clock.clone());
    Operator::new(parts(cluster.client(), clock, lead))
}

/// What an operator is made of here.
pub fn parts(client: Client, clock: Arc<dyn Clock>, lead: Lead) -> Parts {
    Parts {
        watching: client.clone(),
        client,
        env: <Args as clap::Parser>::parse_from(["wickr-operator"]).env(),
        namespaces: Vec::new(),
        instance: "test".to_owned(),
        clock,
        rng: Arc::new(SystemRng),
        metrics: Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap(),
        lead,
    }
}

/// An operator over a cluster with a default storage class and the network `hq/hq`.
pub fn bench(cluster: &FakeCluster) -> Bench {
    bench_at(cluster, Arc::new(SystemClock::new()))
}

/// The same by a clock of its own.
pub fn bench_at(cluster: &FakeCluster, clock: Arc<dyn Clock>) -> Bench {
    let operator = operator(cluster, clock);
    let context = operator.context.clone();
    Bench { cluster: cluster.clone(), context, task: tokio::spawn(operator.run(2)) }
}

pub fn cluster() -> FakeCluster {
    let cluster = FakeCluster::new();
    cluster.put(
        "storageclasses",
        &json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "none",
                "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}),
    );
    cluster
}

pub fn network_object() -> Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork", "metadata": {"name": "hq", "namespace": "hq"},
           "spec": {"domain": "hq.example", "storage": {"embedded": {"size": "1Gi"}},
                    "signIn": {"identityProviderRef": {"name": "idp"}},
                    "exposure": {"hostname": "chat.hq.example", "service": {"relayPort": 30443, "ssoPort": 30444}}}})
}

pub fn provider_object() -> Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "IdentityProvider",
           "metadata": {"name": "idp", "namespace": "hq"},
           "spec": {"networkRef": {"name": "hq"}, "issuer": "https://sso.hq.example/realms/hq", "clientId": "wickr",
                    "clientSecretRef": {"name": "idp", "key": "secret"},
                    "caBundleRef": {"name": "idp-ca", "key": "ca.crt"}}})
}

impl Bench {
    pub fn condition(&self, plural: &str, name: &str, type_: &str) -> Option<(String, String)> {
        let object = self.cluster.get(plural, "hq", name)?;
        let all = object["status"]["conditions"].as_array()?.clone();
        let found = all.into_iter().find(|condition| condition["type"] == type_)?;
        Some((found["reason"].as_str()?.to_owned(), found["message"].as_str()?.to_owned()))
    }

    pub async fn reason(&self, type_: &str, reason: &str) -> String {
        until(&self.cluster, &format!("{type_} has reason {reason}"), || {
            self.condition("wickrnetworks", "hq", type_)
                .filter(|found| found.0 == reason)
                .map(|found| found.1)
        })
        .await
    }

    /// One more pass, by hands that are the controller's.
    pub async fn pass(&self) -> Outcome {
        let metrics = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap();
        let client = self.cluster.client();
        let writer =
            Writer::new(client.clone(), self.context.cache.clone(), network::NAME, metrics.requests());
        let events =
            Events::new(client, network::NAME, "test", self.context.clock.clone(), metrics.requests());
        let controller = NetworkController::new(self.context.clone(), writer, Teller::new(events));
        controller.pass(&Key::new("hq", "hq"), 0).await
    }

    pub fn cached(&self, plural: &str, name: &str, pointer: &str, value: &Value) -> Option<()> {
        let watches = network_watches(&self.context.cache);
        let watch = watches.iter().find(|watch| watch.resource.plural == plural)?;
        let live = self.context.cache.get(&watch.resource, &Key::new("hq", name)).ok()??;
        (live.value().pointer(pointer) == Some(value)).then_some(())
    }

    pub async fn settled(&self) {
        self.reason("Progressing", "Settled").await;
    }

    pub fn writes(&self) -> Vec<String> {
        self.cluster.take_writes().iter().map(ToString::to_string).collect()
    }
}

/// Looks again whenever an object has changed.
pub async fn until<T>(cluster: &FakeCluster, what: &str, look: impl Fn() -> Option<T>) -> T {
    let mut changes = cluster.changes();
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            changes.next().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// Lets the operator's tasks go on until its caches show it: they follow the cluster without waiting for anything.
pub async fn shown(what: &str, look: impl Fn() -> Option<()>) {
    let looking = async {
        while look().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

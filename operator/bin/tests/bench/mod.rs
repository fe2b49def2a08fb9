//! An operator of its own in a namespace of a real API server, with exactly the rights that a test gives it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Client, Config};
use serde_json::{Value, json};
use wickr_base::{SystemClock, SystemRng};
use wickr_cluster::ControlPlane;
use wickr_operator::args::Args;
use wickr_operator::kinds::{resource, resource_of};
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::{NetworkResources, all_reads};
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Metrics, VERBS};

/// How long anything may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

fn control_plane() -> &'static ControlPlane {
    static CONTROL_PLANE: OnceLock<ControlPlane> = OnceLock::new();
    CONTROL_PLANE.get_or_init(|| ControlPlane::start().expect("etcd and an API server start"))
}

async fn config() -> Config {
    let config = Kubeconfig::read_from(control_plane().kubeconfig()).unwrap();
    Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap()
}

/// The rules of core's table, as the chart's RBAC has them.
pub(crate) fn rules() -> Vec<Value> {
    let mut rules = Vec::new();
    for row in all_reads() {
        rules
            .push(json!({"apiGroups": [row.kind.group], "resources": [row.kind.plural], "verbs": row.verbs}));
        for (subresource, verbs) in row.subresources {
            let resource = format!("{}/{subresource}", row.kind.plural);
            rules.push(json!({"apiGroups": [row.kind.group], "resources": [resource], "verbs": verbs}));
        }
    }
    rules
}

/// The same without one verb on one kind.
pub(crate) fn rules_without(verb: &str, plural: &str) -> Vec<Value> {
    let mut rules = rules();
    for rule in rules.iter_mut().filter(|rule| rule["resources"][0] == plural) {
        rule["verbs"].as_array_mut().unwrap().retain(|has| has != verb);
    }
    rules
}

/// A namespace, and the user that its operator is.
pub(crate) struct Bench {
    admin: Client,
    namespace: &'static str,
    user: String,
}

/// An operator that runs until this is dropped.
pub(crate) struct Running {
    task: tokio::task::JoinHandle<()>,
    metrics: Metrics,
}

impl Running {
    /// Requests other than reads.
    pub(crate) fn writes(&self) -> u64 {
        let requests = self.metrics.requests();
        VERBS.iter().filter(|verb| **verb != "get").map(|verb| requests.so_far(verb)).sum()
    }

    /// Requests by verb.
    pub(crate) fn by_verb(&self) -> Vec<String> {
        let requests = self.metrics.requests();
        VERBS.iter().map(|verb| format!("{verb} {}", requests.so_far(verb))).collect()
    }

    /// Passes over the network that have ended.
    pub(crate) fn passes(&self) -> u64 {
        self.metrics.passes(wickr_operator::network::NAME)
    }

    /// Services that were asked in vain: there are none here.
    pub(crate) fn asked_in_vain(&self) -> u64 {
        self.metrics.polls().failed.get()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bench {
    /// A new namespace, and rights by `rules`.
    pub(crate) async fn new(namespace: &'static str, rules: Vec<Value>) -> Self {
        let admin = Client::try_from(config().await).unwrap();
        let bench = Self { admin, namespace, user: format!("operator-of-{namespace}") };
        bench.install().await;
        bench.allow(rules).await;
        bench
    }

    async fn install(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.admin.clone());
        for definition in wickr_operator_api::crds() {
            let name = definition.metadata.name.clone().unwrap();
            let params = PatchParams::apply("test").force();
            definitions.patch(&name, &params, &Patch::Apply(&definition)).await.unwrap();
            until("the definition is served", || async {
                let definition = definitions.get(&name).await.unwrap();
                let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
                conditions.iter().any(|it| it.type_ == "Established" && it.status == "True").then_some(())
            })
            .await;
        }
        for (name, expandable) in [("local", false), ("elastic", true)] {
            let default = (name == "local").to_string();
            let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "test/none",
                               "allowVolumeExpansion": expandable,
                               "metadata": {"name": name, "annotations": {
                                   "storageclass.kubernetes.io/is-default-class": default}}});
            self.classes()
                .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&class))
                .await
                .unwrap();
        }
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        let object = serde_json::from_value(json!({"metadata": {"name": self.namespace}})).unwrap();
        namespaces.create(&PostParams::default(), &object).await.unwrap();
    }

    fn classes(&self) -> Api<StorageClass> {
        Api::all(self.admin.clone())
    }

    /// Has `operator` look at the network once more: a change that is none of its business wakes it.
    pub(crate) async fn nudge(&self, operator: &Running) {
        let before = operator.passes();
        let note =
            json!({"metadata": {"annotations": {format!("test/{}", self.namespace): before.to_string()}}});
        self.classes().patch("local", &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
        until("a pass ends", || async { (operator.passes() > before).then_some(()) }).await;
    }

    /// What the volume's provisioner would say: there is a volume.
    pub(crate) async fn bind(&self, claim: &str) {
        let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
        let claims = self.of(&resource_of::<PersistentVolumeClaim>());
        claims.patch_status(claim, &PatchParams::default(), &Patch::Merge(&bound)).await.unwrap();
    }

    /// From now on the operator may exactly this.
    pub(crate) async fn allow(&self, rules: Vec<Value>) {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let name = &self.user;
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let binding = json!({"metadata": {"name": name},
                             "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
                             "subjects": [{"apiGroup": GROUP, "kind": "User", "name": name}]});
        for (kind, mut object) in [("ClusterRole", role), ("ClusterRoleBinding", binding)] {
            let api_version = format!("{GROUP}/v1");
            object["apiVersion"] = api_version.clone().into();
            object["kind"] = kind.into();
            let (group, version) = (GROUP.to_owned(), "v1".to_owned());
            let plural = format!("{}s", kind.to_lowercase());
            let resource = ApiResource { group, version, api_version, kind: kind.to_owned(), plural };
            let api: Api<DynamicObject> = Api::all_with(self.admin.clone(), &resource);
            api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.unwrap();
        }
    }

    /// Starts an operator that watches this namespace only.
    pub(crate) async fn operator(&self) -> Running {
        drop(wickr_telemetry::init(wickr_telemetry::LogFormat::Text, "info"));
        let mut config = config().await;
        config.auth_info.impersonate = Some(self.user.clone());
        config.default_retry = false;
        let metrics = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap();
        let operator = Operator::new(Parts {
            client: Client::try_from(config.clone()).unwrap(),
            watching: Client::try_from(config).unwrap(),
            env: <Args as clap::Parser>::parse_from(["wickr-operator"]).env(),
            namespaces: vec![self.namespace.to_owned()],
            instance: "test".to_owned(),
            clock: Arc::new(SystemClock::new()),
            lead: Lead::alone(Arc::new(SystemClock::new())),
            rng: Arc::new(SystemRng),
            metrics: metrics.clone(),
        });
        Running { task: tokio::spawn(operator.run(4)), metrics }
    }

    /// The objects of a kind in the namespace, as an administrator.
    pub(crate) fn of(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.admin.clone(), self.namespace, resource)
    }

    /// Applies an object of ours.
    pub(crate) async fn put(&self, object: &Value) {
        let resource = match object["kind"].as_str().unwrap() {
            "WickrNetwork" => resource_of::<WickrNetwork>(),
            _ => resource_of::<IdentityProvider>(),
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test").force();
        self.of(&resource).patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    /// A network called `hq` with ports and a domain of its own.
    pub(crate) fn network(&self) -> Value {
        let port = 30000 + 2 * (self.namespace.bytes().map(u32::from).sum::<u32>() % 1000);
        json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork",
               "metadata": {"name": "hq", "namespace": self.namespace},
               "spec": {"domain": format!("{}.example", self.namespace),
                        "storage": {"embedded": {"size": "1Gi"}},
                        "exposure": {"hostname": "chat.hq.example",
                                     "service": {"relayPort": port, "ssoPort": port + 1}}}})
    }

    /// The network's status.
    pub(crate) async fn status(&self) -> Value {
        let network = self.of(&resource_of::<WickrNetwork>()).get_opt("hq").await.unwrap();
        network.map(|network| network.data["status"].clone()).unwrap_or_default()
    }

    /// Status, reason and message of a condition.
    pub(crate) async fn condition(&self, type_: &str) -> Option<(String, String, String)> {
        let status = self.status().await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found =
            status["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?.clone();
        Some((text(&found["status"]), text(&found["reason"]), text(&found["message"])))
    }

    /// Waits for that condition with that reason and gives back its message.
    pub(crate) async fn reason(&self, type_: &str, reason: &str) -> String {
        until(&format!("{type_} has reason {reason}"), || async {
            self.condition(type_).await.filter(|found| found.1 == reason).map(|found| found.2)
        })
        .await
    }

    /// Kind, name and resource version of everything that a network owns, and of the network.
    pub(crate) async fn versions(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let owned = NetworkResources::KINDS.iter().map(resource);
        for resource in owned.chain([resource_of::<WickrNetwork>()]) {
            for object in self.of(&resource).list(&ListParams::default()).await.unwrap() {
                let name = format!("{} {}", resource.kind, object.metadata.name.unwrap_or_default());
                if !name.starts_with("ConfigMap kube-root-ca") && name != "ServiceAccount default" {
                    out.insert(name, object.metadata.resource_version.unwrap_or_default());
                }
            }
        }
        out
    }

    /// Waits until both StatefulSets are there and nothing is left to do.
    pub(crate) async fn settled(&self) {
        let last = Mutex::new(Value::Null);
        let settling = until("the network has settled", || async {
            let sets = self.of(&resource_of::<StatefulSet>()).list(&ListParams::default()).await.unwrap();
            *last.lock().unwrap() = self.status().await;
            let reason = self.condition("Progressing").await.map(|found| found.1);
            (sets.items.len() == 2 && reason.as_deref() == Some("Settled")).then_some(())
        });
        let settled = AssertUnwindSafe(settling).catch_unwind().await.is_ok();
        assert!(settled, "{}", serde_json::to_string_pretty(&*last.lock().unwrap()).unwrap());
    }

    /// Deletes the network, waits until it is gone, and does what a whole cluster's garbage collector would.
    pub(crate) async fn delete_network(&self) {
        let networks = self.of(&resource_of::<WickrNetwork>());
        let uid = networks.get("hq").await.unwrap().metadata.uid.unwrap();
        networks.delete("hq", &DeleteParams::default()).await.unwrap();
        self.network_is_gone().await;
        for row in NetworkResources::KINDS {
            let api = self.of(&resource(row));
            for object in api.list(&ListParams::default()).await.unwrap() {
                let owners = object.metadata.owner_references.unwrap_or_default();
                if owners.iter().any(|has| has.uid == uid) {
                    api.delete(&object.metadata.name.unwrap(), &DeleteParams::background()).await.unwrap();
                }
            }
        }
    }

    /// Waits until the network is gone.
    pub(crate) async fn network_is_gone(&self) {
        let networks = self.of(&resource_of::<WickrNetwork>());
        until("the network is gone", || async {
            networks.get_opt("hq").await.unwrap().is_none().then_some(())
        })
        .await;
    }
}

/// Looks until there is something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

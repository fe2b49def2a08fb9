//! The writer and `drift` on a real API server: its defaults, its field sets, its conflicts (faults: `writer`).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test needs and does not find fails it")]

use std::path::Path;
use std::sync::OnceLock;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Client, Config};
use serde_json::{Value, json};
use wickr_cluster::ControlPlane;
use wickr_operator_core::drift::drift;
use wickr_operator_kube::{Cache, Class, Key, Live, Metrics, Reported, Writer};

const MANAGER: &str = "wickr-network";

fn control_plane() -> &'static ControlPlane {
    static CONTROL_PLANE: OnceLock<ControlPlane> = OnceLock::new();
    CONTROL_PLANE.get_or_init(|| ControlPlane::start().expect("etcd and an API server start"))
}

async fn client(kubeconfig: &Path) -> Client {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

struct Bench {
    client: Client,
    writer: Writer,
    namespace: &'static str,
}

async fn bench(namespace: &'static str) -> Bench {
    let client = client(&control_plane().kubeconfig()).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
    namespaces.create(&PostParams::default(), &object).await.unwrap();
    let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
    let writer = Writer::new(client.clone(), Cache::default(), "network", requests);
    Bench { client, writer, namespace }
}

impl Bench {
    async fn get(&self, resource: &ApiResource, name: &str) -> Value {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, resource);
        serde_json::to_value(api.get(name).await.unwrap()).unwrap()
    }

    async fn edit(&self, resource: &ApiResource, name: &str, patch: &Value) {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, resource);
        let params = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
        api.patch(name, &params, &Patch::Merge(patch)).await.unwrap();
    }

    fn key(&self, name: &str) -> Key {
        Key::new(self.namespace, name)
    }
}

/// One of each kind that we own, with the fields in which API servers are known to rewrite what they are given.
fn samples(namespace: &str) -> Vec<(ApiResource, Value)> {
    // Node ports are the cluster's; each test has its own.
    let port = 30000 + namespace.bytes().map(u32::from).sum::<u32>();
    let meta = |name: &str| {
        json!({"name": name, "namespace": namespace,
               "labels": {"wickr.dev/network": "hq", "app.kubernetes.io/component": "relay"}, "annotations": {}})
    };
    let pod = json!({
        "metadata": {"labels": {"app": "relay"}, "annotations": {"wickr.dev/config": "abc"}},
        "spec": {
            "serviceAccountName": "relay", "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 30, "imagePullSecrets": [],
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532,
                                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "relay", "image": "wickr.local/wickr-server:dev", "args": ["relay"],
                "imagePullPolicy": "IfNotPresent",
                "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "ports": [{"name": "public", "containerPort": 8443}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"memory": "2048Mi"}},
                "livenessProbe": {"httpGet": {"path": "/livez", "port": "metrics"}, "periodSeconds": 10},
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9090}},
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                                    "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "data", "mountPath": "/var/lib/wickr"}, {"name": "tls", "mountPath": "/etc/tls", "readOnly": true}],
            }],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "relay"}},
                {"name": "tls", "secret": {"secretName": "relay"}},
                {"name": "document", "configMap": {"name": "c", "items": [{"key": "a", "path": "a"}]}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "all", "projected": {"sources": [{"secret": {"name": "relay"}}]}},
            ],
        },
    });
    let policy = json!({
        "podSelector": {"matchLabels": {"app": "relay"}}, "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"port": 8443}]}, {"from": [{"podSelector": {}}], "ports": [{"port": 9443, "protocol": "TCP"}]}],
        "egress": [{"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
                    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}],
    });
    vec![
        (
            ApiResource::erase::<ServiceAccount>(&()),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("relay"), "automountServiceAccountToken": false}),
        ),
        (
            ApiResource::erase::<Secret>(&()),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("relay"), "type": "Opaque", "data": {"tls.key": "Zg=="}}),
        ),
        (
            ApiResource::erase::<ConfigMap>(&()),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("relay"), "data": {"a": "1"}}),
        ),
        (
            ApiResource::erase::<Service>(&()),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("relay"), "spec": {
                "clusterIP": "None", "publishNotReadyAddresses": true, "selector": {"app": "relay"},
                "ports": [{"name": "admin", "port": 9443, "targetPort": "admin"}]}}),
        ),
        (
            ApiResource::erase::<Service>(&()),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("relay-public"), "spec": {
                "type": "NodePort", "selector": {"app": "relay"}, "externalTrafficPolicy": "Local",
                "ports": [{"name": "public", "port": 8443, "protocol": "TCP", "nodePort": port, "targetPort": 8443}]}}),
        ),
        (
            ApiResource::erase::<NetworkPolicy>(&()),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("relay"), "spec": policy}),
        ),
        (
            ApiResource::erase::<NetworkPolicy>(&()),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("deny"), "spec": {
                "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []}}),
        ),
        (
            ApiResource::erase::<PersistentVolumeClaim>(&()),
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("relay"), "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}),
        ),
        (
            ApiResource::erase::<StatefulSet>(&()),
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("relay"), "spec": {
                "replicas": 1, "serviceName": "relay", "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"app": "relay"}}, "template": pod}}),
        ),
    ]
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

#[tokio::test]
async fn nothing_that_was_just_created_drifts_whatever_the_server_added() {
    let bench = bench("created").await;
    for (resource, want) in samples(bench.namespace) {
        let made = bench.writer.create(&resource, &bench.key(name(&want)), &want).await.unwrap();
        assert_eq!(drift(&want, made.value(), MANAGER, ""), None, "{} {}", resource.kind, name(&want));
        let later = bench.get(&resource, name(&want)).await;
        assert_eq!(drift(&want, &later, MANAGER, ""), None, "{} {}", resource.kind, name(&want));
    }
}

#[tokio::test]
async fn an_apply_that_would_change_nothing_is_found_to_be_none_and_changes_no_version() {
    let bench = bench("applied").await;
    for (resource, mut want) in samples(bench.namespace) {
        let key = bench.key(name(&want));
        bench.writer.create(&resource, &key, &want).await.unwrap();
        want["metadata"]["labels"]["added"] = "later".into();
        let first = bench.writer.apply(&resource, &key, &want).await.unwrap();
        assert_eq!(drift(&want, first.value(), MANAGER, ""), None, "{} {}", resource.kind, key);
        let second = bench.writer.apply(&resource, &key, &want).await.unwrap();
        assert_eq!(drift(&want, second.value(), MANAGER, ""), None, "{} {}", resource.kind, key);
        // An empty list that is applied is owned and dropped again, which costs one more version.
        if name(&want) != "deny" {
            assert_eq!(first.resource_version(), second.resource_version(), "{} {}", resource.kind, key);
        }
    }
}

#[tokio::test]
async fn a_created_field_that_is_wanted_no_more_goes_away() {
    let bench = bench("dropped").await;
    let resource = ApiResource::erase::<ConfigMap>(&());
    let (_, mut want) = samples(bench.namespace).swap_remove(2);
    want["data"]["b"] = "2".into();
    let key = bench.key("relay");
    let made = bench.writer.create(&resource, &key, &want).await.unwrap();
    want["data"].as_object_mut().unwrap().remove("b");
    // What is built carries a hash of itself: that is how this is seen before the first apply.
    want["metadata"]["annotations"] = json!({"wickr.dev/applied": "2"});
    assert!(drift(&want, made.value(), MANAGER, "").is_some());
    let applied = bench.writer.apply(&resource, &key, &want).await.unwrap();
    assert_eq!(applied.value()["data"], json!({"a": "1"}));
}

#[tokio::test]
async fn drift_by_others_in_our_fields_is_found_and_corrected_and_their_own_fields_stay() {
    let bench = bench("drifted").await;
    let all = samples(bench.namespace);
    let find = |kind: &str| all.iter().find(|(resource, _)| resource.kind == kind).unwrap();
    for (kind, edit, path) in [
        ("Service", json!({"spec": {"publishNotReadyAddresses": false}}), ".spec.publishNotReadyAddresses"),
        ("NetworkPolicy", json!({"spec": {"ingress": [{}]}}), ".spec.ingress"),
        ("StatefulSet", json!({"spec": {"replicas": 0}}), ".spec.replicas"),
        ("ConfigMap", json!({"data": {"a": null}}), ".data"),
    ] {
        let (resource, want) = find(kind);
        let key = bench.key(name(want));
        bench.writer.create(resource, &key, want).await.unwrap();
        bench.edit(resource, name(want), &json!({"metadata": {"labels": {"theirs": "x"}}})).await;
        assert_eq!(drift(want, &bench.get(resource, name(want)).await, MANAGER, ""), None, "{kind}");
        bench.edit(resource, name(want), &edit).await;
        let live = bench.get(resource, name(want)).await;
        let found = drift(want, &live, MANAGER, "").expect(kind);
        assert!(found.path.starts_with(path), "{kind}: {found}");
        let applied = bench.writer.apply(resource, &key, want).await.unwrap();
        assert_eq!(drift(want, applied.value(), MANAGER, ""), None, "{kind}");
        assert_eq!(applied.value()["metadata"]["labels"]["theirs"], "x", "{kind}");
    }
}

#[tokio::test]
async fn a_stale_write_changes_nothing_and_a_deleted_object_is_not_brought_back() {
    let bench = bench("stale").await;
    let resource = ApiResource::erase::<ConfigMap>(&());
    let (_, mut want) = samples(bench.namespace).swap_remove(2);
    let key = bench.key("relay");
    let made = bench.writer.create(&resource, &key, &want).await.unwrap();
    bench.edit(&resource, "relay", &json!({"data": {"b": "2"}})).await;
    want["data"]["a"] = "9".into();
    want["metadata"]["uid"] = made.uid().into();
    want["metadata"]["resourceVersion"] = made.resource_version().into();
    let stale = bench.writer.apply(&resource, &key, &want).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    assert_eq!(bench.get(&resource, "relay").await["data"]["a"], "1");
    let stale = bench.writer.delete(&resource, &key, made.uid(), made.resource_version()).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    bench.writer.delete(&resource, &key, made.uid(), "").await.unwrap();
    let gone = bench.writer.apply(&resource, &key, &want).await.unwrap_err();
    assert_eq!(gone.class(), Class::Transient, "{gone}");
    let api: Api<ConfigMap> = Api::namespaced(bench.client.clone(), bench.namespace);
    assert!(api.get_opt("relay").await.unwrap().is_none());
}

/// A kind of the test's own, with a status.
fn things(api: &ControlPlane) -> ApiResource {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.wickr.dev"},
        "spec": {
            "group": "test.wickr.dev", "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    });
    api.apply(&definition.to_string()).unwrap();
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    assert!(api.kubectl().args(established).status().unwrap().success());
    ApiResource {
        group: "test.wickr.dev".to_owned(),
        version: "v1".to_owned(),
        api_version: "test.wickr.dev/v1".to_owned(),
        kind: "Thing".to_owned(),
        plural: "things".to_owned(),
    }
}

#[tokio::test]
async fn a_status_does_not_land_on_the_next_object_of_that_name_nor_on_one_that_has_changed() {
    let bench = bench("status").await;
    let resource = things(control_plane());
    let api: Api<DynamicObject> = Api::namespaced_with(bench.client.clone(), bench.namespace, &resource);
    let make = || async {
        let thing = DynamicObject::new("hq", &resource);
        Live::new(&resource, &api.create(&PostParams::default(), &thing).await.unwrap()).unwrap()
    };
    let status = json!({"document": 1});
    let first = make().await;
    bench.edit(&resource, "hq", &json!({"spec": {"changed": true}})).await;
    let stale = bench.writer.status(&first, &status).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    api.delete("hq", &DeleteParams::default()).await.unwrap();
    let second = make().await;
    let stale = bench.writer.status(&first, &status).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    assert_eq!(bench.get(&resource, "hq").await["status"], Value::Null);
    assert_eq!(bench.writer.status(&second, &status).await.unwrap(), Reported::Written);
    assert_eq!(bench.get(&resource, "hq").await["status"], status);
}

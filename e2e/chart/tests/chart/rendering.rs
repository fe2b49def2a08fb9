//! What the chart renders with which values (values that it refuses: `schema`).

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use wickr_chart::{MONITORING_API, Rendering, chart};

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn deployment(rendering: &Rendering) -> Value {
    let objects = rendering.objects().unwrap();
    (*of_kind(&objects, "Deployment").first().expect("a Deployment")).clone()
}

#[test]
fn by_default_it_renders_the_operator_its_rights_and_definitions_that_are_kept() {
    let objects = Rendering::new().objects().unwrap();
    for kind in ["Deployment", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Service"] {
        assert!(!of_kind(&objects, kind).is_empty(), "no {kind}");
    }
    let definitions = of_kind(&objects, "CustomResourceDefinition");
    assert_eq!(definitions.len(), 2);
    for definition in definitions {
        let policy = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
        assert_eq!(policy, "keep", "{}", definition["metadata"]["name"]);
    }
    for secret in of_kind(&objects, "Secret") {
        assert!(secret["data"].is_null() && secret["stringData"].is_null(), "{secret}");
    }
    assert!(of_kind(&objects, "PodMonitor").is_empty() && of_kind(&objects, "PrometheusRule").is_empty());
}

#[test]
fn every_combination_of_values_renders_objects_with_names_of_their_own_and_our_labels() {
    let choices = [
        [r#"watchNamespaces=["hq","outpost"]"#, "watchNamespaces=[]"],
        ["monitoring.podMonitors=false", "monitoring.podMonitors=true"],
        ["monitoring.alerts=false", r#"monitoring.labels={"release":"prometheus"}"#],
        [r#"image.pullSecrets=["registry"]"#, "monitoring.dashboard=false"],
    ];
    for chosen in 0..1_u32 << choices.len() {
        let mut rendering = Rendering::new();
        for (at, choice) in choices.iter().enumerate() {
            rendering = rendering.with(choice[usize::from(chosen >> at & 1 == 1)]);
        }
        let objects = rendering.clone().on(MONITORING_API).objects().unwrap();
        let mut names = BTreeSet::new();
        for object in &objects {
            let (kind, metadata) = (&object["kind"], &object["metadata"]);
            let name = format!("{kind} {} {}", metadata["namespace"], metadata["name"]);
            assert!(names.insert(name.clone()), "{name} twice, with {rendering:?}");
            if kind != "CustomResourceDefinition" {
                let label = &metadata["labels"]["app.kubernetes.io/managed-by"];
                assert_eq!(label, "Helm", "{name}, with {rendering:?}");
            }
        }
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let made = deployment(
        &Rendering::new()
            .with(r#"image.operator="registry.example/operator:1""#)
            .with(r#"image.server="registry.example/server:1""#)
            .with(r#"log.filter="debug""#)
            .with(r#"resources.limits={"memory":"1Gi"}"#)
            .with(r#"nodeSelector={"zone":"a"}"#)
            .with(r#"tolerations=[{"key":"dedicated","operator":"Exists"}]"#)
            .with(r#"podLabels={"team":"x"}"#)
            .with(r#"podAnnotations={"note":"y"}"#),
    );
    let (metadata, pod) = (&made["spec"]["template"]["metadata"], &made["spec"]["template"]["spec"]);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example/operator:1");
    let environment = container["env"].to_string();
    assert!(
        environment.contains("registry.example/server:1") && environment.contains("debug"),
        "{environment}"
    );
    assert_eq!(container["resources"]["limits"]["memory"], "1Gi");
    assert_eq!(pod["nodeSelector"], json!({"zone": "a"}));
    assert_eq!(pod["tolerations"][0]["key"], "dedicated");
    assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["note"]), (&json!("x"), &json!("y")));
}

#[test]
fn with_named_namespaces_nothing_but_storage_classes_is_granted_everywhere() {
    let objects = Rendering::new().with(r#"watchNamespaces=["hq","outpost"]"#).objects().unwrap();
    let roles = of_kind(&objects, "Role");
    let spaces: Vec<&Value> = roles.iter().map(|role| &role["metadata"]["namespace"]).collect();
    assert!(spaces.contains(&&json!("hq")) && spaces.contains(&&json!("outpost")), "{spaces:?}");
    for role in of_kind(&objects, "ClusterRole") {
        let secrets = role["rules"].to_string().contains("secrets");
        assert!(!secrets, "{} grants Secrets everywhere", role["metadata"]["name"]);
    }
}

#[test]
fn where_its_api_is_served_prometheus_gets_both_monitors_and_the_alerts_as_they_are() {
    let objects = Rendering::new().on(MONITORING_API).objects().unwrap();
    let monitors = of_kind(&objects, "PodMonitor");
    let endpoints = json!([{"port": "metrics", "path": "/metrics", "interval": "30s"}]);
    let instance =
        json!({"app.kubernetes.io/name": "wickr-operator", "app.kubernetes.io/instance": "wickr-operator"});
    let job = "app.kubernetes.io/name";
    assert_eq!(
        monitors[0]["spec"],
        json!({"jobLabel": job, "selector": {"matchLabels": instance}, "podMetricsEndpoints": endpoints})
    );
    let networks = json!({
        "matchLabels": {"app.kubernetes.io/name": "wickr"},
        "matchExpressions": [{"key": "wickr.dev/network", "operator": "Exists"}],
    });
    assert_eq!(
        monitors[1]["spec"],
        json!({"jobLabel": job, "namespaceSelector": {"any": true}, "selector": networks, "podMetricsEndpoints": endpoints})
    );
    let text = fs::read_to_string(chart().join("files/alerts.yaml")).unwrap();
    let alerts: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(of_kind(&objects, "PrometheusRule")[0]["spec"], alerts);
}

#[test]
fn with_named_namespaces_only_their_pods_are_scraped() {
    let rendering = Rendering::new().with(r#"watchNamespaces=["hq"]"#).on(MONITORING_API);
    let objects = rendering.objects().unwrap();
    let monitors = of_kind(&objects, "PodMonitor");
    assert_eq!(monitors[1]["spec"]["namespaceSelector"], json!({"matchNames": ["hq"]}));
}

#[test]
fn each_part_of_monitoring_can_be_turned_off_and_carries_the_labels_that_were_asked_for() {
    let all = Rendering::new().with(r#"monitoring.labels={"release":"prometheus"}"#).on(MONITORING_API);
    let count = |rendering: &Rendering, kind: &str| of_kind(&rendering.objects().unwrap(), kind).len();
    for (value, kind, with) in [
        ("monitoring.podMonitors=false", "PodMonitor", 2),
        ("monitoring.alerts=false", "PrometheusRule", 1),
        ("monitoring.dashboard=false", "ConfigMap", 1),
    ] {
        let without = all.clone().with(value);
        assert_eq!((count(&all, kind), count(&without, kind)), (with, 0), "{value}");
    }
    for object in all.objects().unwrap().iter().filter(|object| object["apiVersion"] == MONITORING_API) {
        assert_eq!(object["metadata"]["labels"]["release"], "prometheus", "{}", object["kind"]);
    }
}

#[test]
fn grafana_finds_a_dashboard_that_is_json() {
    let objects = Rendering::new().objects().unwrap();
    let maps = of_kind(&objects, "ConfigMap");
    let map =
        maps.iter().find(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1").expect("a dashboard");
    let dashboard: Value = serde_json::from_str(map["data"]["wickr.json"].as_str().unwrap()).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 5);
}

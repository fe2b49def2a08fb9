//! Which addresses a PodMonitor has scraped, and under which labels: what prometheus-operator writes for Prometheus'
//! discovery (role pod), done here by hand because Debian's Prometheus is built without discovery in Kubernetes.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One address to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Address and port.
    pub address: String,
    /// Path.
    pub path: String,
    /// How often; empty: as Prometheus does by default.
    pub interval: String,
    /// Labels of every sample from there.
    pub labels: Vec<(&'static str, String)>,
}

/// What `monitor` says of these pods. A field that isn't understood here is an error: nothing is left out in silence.
pub fn targets(monitor: &Value, pods: &[Value]) -> Result<Vec<Target>> {
    known(&monitor["spec"], &["jobLabel", "namespaceSelector", "selector", "podMetricsEndpoints"])?;
    let endpoints = monitor["spec"]["podMetricsEndpoints"].as_array().context("no podMetricsEndpoints")?;
    let mut targets = Vec::new();
    for pod in pods {
        if !is_meant(monitor, pod)? {
            continue;
        }
        for endpoint in endpoints {
            known(endpoint, &["port", "path", "interval"])?;
            targets.extend(target(monitor, endpoint, pod));
        }
    }
    Ok(targets)
}

fn is_meant(monitor: &Value, pod: &Value) -> Result<bool> {
    let (spec, namespace) = (&monitor["spec"], &pod["metadata"]["namespace"]);
    known(&spec["namespaceSelector"], &["any", "matchNames"])?;
    known(&spec["selector"], &["matchLabels", "matchExpressions"])?;
    let here = match (&spec["namespaceSelector"]["any"], &spec["namespaceSelector"]["matchNames"]) {
        (Value::Bool(true), _) => true,
        (_, Value::Array(names)) => names.contains(namespace),
        _ => *namespace == monitor["metadata"]["namespace"],
    };
    let labels = &pod["metadata"]["labels"];
    let equal = spec["selector"]["matchLabels"].as_object().into_iter().flatten();
    let mut meant = here && equal.into_iter().all(|(label, value)| labels[label] == *value);
    for wanted in spec["selector"]["matchExpressions"].as_array().into_iter().flatten() {
        let label = wanted["key"].as_str().context("an expression without a key")?;
        ensure!(wanted["operator"] == "Exists", "an operator that is not understood here: {wanted}");
        meant &= labels.get(label).is_some();
    }
    // Discovery finds no address before kubelet has given one, and drops pods that have ended.
    let running = !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    Ok(meant && running && pod["status"]["podIP"].is_string())
}

fn target(monitor: &Value, endpoint: &Value, pod: &Value) -> Option<Target> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        let ports = container["ports"].as_array().into_iter().flatten();
        let Some(port) = ports.into_iter().find(|port| port["name"] == endpoint["port"]) else { continue };
        let own =
            format!("{}/{}", text(&monitor["metadata"]["namespace"]), text(&monitor["metadata"]["name"]));
        let job = match monitor["spec"]["jobLabel"].as_str() {
            Some(label) => pod["metadata"]["labels"][label].as_str().map_or(own, str::to_owned),
            None => own,
        };
        return Some(Target {
            address: format!("{}:{}", text(&pod["status"]["podIP"]), port["containerPort"]),
            path: endpoint["path"].as_str().unwrap_or("/metrics").to_owned(),
            interval: text(&endpoint["interval"]),
            labels: vec![
                ("namespace", text(&pod["metadata"]["namespace"])),
                ("pod", text(&pod["metadata"]["name"])),
                ("container", text(&container["name"])),
                ("endpoint", text(&endpoint["port"])),
                ("job", job),
            ],
        });
    }
    None
}

fn known(object: &Value, fields: &[&str]) -> Result<()> {
    let unknown =
        object.as_object().into_iter().flatten().find(|(field, _)| !fields.contains(&field.as_str()));
    if let Some((field, _)) = unknown {
        bail!("the field {field} is not understood here: {object}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, labels: &Value) -> Value {
        let ports =
            json!([{"name": "public", "containerPort": 8443}, {"name": "metrics", "containerPort": 9090}]);
        json!({
            "metadata": {"namespace": namespace, "name": "hq-relay-0", "labels": labels},
            "spec": {"containers": [{"name": "relay", "ports": ports}]},
            "status": {"podIP": "10.1.0.7", "phase": "Running"},
        })
    }

    fn monitor(spaces: &Value) -> Value {
        json!({
            "metadata": {"namespace": "wickr-system", "name": "networks"},
            "spec": {
                "jobLabel": "app.kubernetes.io/name",
                "namespaceSelector": spaces,
                "selector": {"matchExpressions": [{"key": "wickr.dev/network", "operator": "Exists"}]},
                "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "1s"}],
            },
        })
    }

    #[test]
    fn a_pod_that_is_meant_is_scraped_at_the_named_port_under_its_names() {
        let pod = pod("hq", &json!({"wickr.dev/network": "hq", "app.kubernetes.io/name": "wickr"}));
        let found = targets(&monitor(&json!({"any": true})), &[pod]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].address.as_str(), found[0].path.as_str()), ("10.1.0.7:9090", "/metrics"));
        assert!(found[0].labels.contains(&("job", "wickr".to_owned())), "{found:?}");
        assert!(found[0].labels.contains(&("container", "relay".to_owned())), "{found:?}");
    }

    #[test]
    fn pods_of_other_namespaces_and_with_other_labels_are_left_alone() {
        let network = json!({"wickr.dev/network": "hq"});
        let of = |spaces: Value, pod: Value| targets(&monitor(&spaces), &[pod]).unwrap().len();
        assert_eq!(of(json!({"matchNames": ["hq"]}), pod("hq", &network)), 1);
        assert_eq!(of(json!({"matchNames": ["hq"]}), pod("other", &network)), 0);
        assert_eq!(of(json!({}), pod("hq", &network)), 0);
        assert_eq!(of(json!({"any": true}), pod("hq", &json!({}))), 0);
    }

    #[test]
    fn a_field_that_is_not_understood_is_an_error() {
        let mut monitor = monitor(&json!({"any": true}));
        monitor["spec"]["podMetricsEndpoints"][0]["relabelings"] = json!([]);
        let pod = pod("hq", &json!({"wickr.dev/network": "hq"}));
        assert!(targets(&monitor, &[pod]).unwrap_err().to_string().contains("relabelings"));
    }
}

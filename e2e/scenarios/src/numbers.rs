//! What a pod says about itself on its metrics port, read through the API server.

use anyhow::{Context, Result};

use crate::kubernetes::Kubernetes;

/// The metrics of a pod of ours, as text.
pub fn of(kubernetes: &Kubernetes, namespace: &str, pod: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:9090/proxy/metrics");
    kubernetes.run(&["get", "--raw", &path]).with_context(|| format!("asking {pod} for its metrics"))
}

/// The sum of a metric's series whose labels contain `labels`.
pub fn sum(metrics: &str, name: &str, labels: &str) -> f64 {
    let of = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        (series.split('{').next() == Some(name) && series.contains(labels)).then(|| value.parse().ok())?
    };
    metrics.lines().filter_map(of).fold(0.0, |sum, value: f64| sum + value)
}

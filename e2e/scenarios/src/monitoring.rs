//! A real Prometheus over the cluster: finds the pods by the API and scrapes what they say about themselves.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use wickr_cluster::{Cluster, HOST, Prometheus, until};

const PORT: u16 = 9091;

/// Scrapes every pod with a port named `metrics`, every second.
pub struct Monitoring(Prometheus);

impl Monitoring {
    /// Starts one for a cluster; it ends when this is dropped.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: wickr
    kubernetes_sd_configs: [{{role: pod, kubeconfig_file: {}}}]
    relabel_configs:
      - {{source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}}
      - {{source_labels: [__meta_kubernetes_namespace], target_label: namespace}}
      - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}
",
            cluster.kubeconfig().display()
        );
        let address = SocketAddr::from((HOST, PORT));
        Ok(Self(Prometheus::up(&format!("prometheus-{}", cluster.name()), &configuration, address)?.tied()?))
    }

    /// The value of an expression that gives one number; `None` while there is no sample.
    pub fn value(&self, expression: &str) -> Result<Option<f64>> {
        let result = self.0.query(expression)?;
        let text = result.first().and_then(|sample| sample["value"][1].as_str());
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Waits until an expression has a value that fits.
    pub fn until(&self, expression: &str, limit: Duration, fits: impl Fn(f64) -> bool) -> Result<f64> {
        until(expression, limit, || Ok(self.value(expression)?.filter(|value| fits(*value))))
    }

    /// What it scrapes, with health and last error of each.
    pub fn targets(&self) -> Result<Vec<Value>> {
        self.0.targets()
    }
}

//! A real Prometheus over the cluster: scrapes what the pods say about themselves, at their own addresses.
//! (Debian's build has no service discovery for Kubernetes: the pods are looked up once, before it starts.)

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use wickr_cluster::{HOST, Prometheus, until};

use crate::kubernetes::Kubernetes;

const PORT: u16 = 9091;

/// Scrapes every pod with a port named `metrics`, every second.
pub struct Monitoring(Prometheus);

impl Monitoring {
    /// Starts one for the pods that now run in these namespaces; it ends when this is dropped.
    pub fn start(kubernetes: &Kubernetes, namespaces: &[&str]) -> Result<Self> {
        let mut jobs = Vec::new();
        for namespace in namespaces {
            for pod in kubernetes.list(namespace, "pods")? {
                let (name, address) = (&pod["metadata"]["name"], &pod["status"]["podIP"]);
                let ports = pod["spec"]["containers"][0]["ports"].as_array().cloned().unwrap_or_default();
                let Some(port) = ports.iter().find(|port| port["name"] == "metrics") else { continue };
                let address = address.as_str().with_context(|| format!("pod {name} has no address"))?;
                let labels = format!("{{namespace: {namespace}, pod: {name}}}");
                jobs.push(format!(
                    "{{targets: [\"{address}:{}\"], labels: {labels}}}",
                    port["containerPort"]
                ));
            }
        }
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: wickr, static_configs: [{}]}}]\n",
            jobs.join(", ")
        );
        let address = SocketAddr::from((HOST, PORT));
        let name = format!("prometheus-{}", kubernetes.cluster().name());
        Ok(Self(Prometheus::up(&name, &configuration, address)?.tied()?))
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

//! A real Prometheus inside the cluster's machine: finds the pods by the API and scrapes what they say about themselves.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::blocking::Client;
use serde_json::Value;
use wickr_cluster::Cluster;

use crate::wait;

const PORT: u16 = 9091;

/// A running Prometheus; ended on drop.
pub struct Prometheus {
    process: Child,
    client: Client,
    base: String,
}

impl Prometheus {
    /// Starts one that scrapes every pod with a port named `metrics`, every second; keeps its data below `folder`.
    pub fn start(cluster: &Cluster, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let configuration = folder.join("prometheus.yaml");
        fs::write(&configuration, scrape(&cluster.kubeconfig())).context("writing Prometheus' configuration")?;
        let process = cluster
            .enter("prometheus")
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=0.0.0.0:{PORT}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).context("making Prometheus' log")?)
            .spawn()
            .context("starting prometheus (Debian package prometheus)")?;
        let client = Client::builder().timeout(Duration::from_secs(5)).build().context("making an HTTP client")?;
        let base = format!("http://{}:{PORT}", cluster.node_ip());
        Ok(Self { process, client, base })
    }

    /// The value of an expression that gives one number; `None` while there is no sample.
    pub fn value(&self, expression: &str) -> Result<Option<f64>> {
        let url = format!("{}/api/v1/query", self.base);
        let Ok(answer) = self.client.get(url).query(&[("query", expression)]).send() else { return Ok(None) };
        let body: Value = answer.json().with_context(|| format!("reading the answer to {expression}"))?;
        if body["status"] != "success" {
            bail!("Prometheus refuses {expression}: {body}");
        }
        let value = &body["data"]["result"][0]["value"][1];
        Ok(value.as_str().and_then(|text| text.parse().ok()))
    }

    /// Waits until an expression has a value that fits.
    pub fn until(&self, expression: &str, limit: Duration, fits: impl Fn(f64) -> bool) -> Result<f64> {
        wait::until(expression, limit, || Ok(self.value(expression)?.filter(|value| fits(*value))))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn scrape(kubeconfig: &Path) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: wickr
    kubernetes_sd_configs: [{{role: pod, kubeconfig_file: {}}}]
    relabel_configs:
      - {{source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}}
      - {{source_labels: [__meta_kubernetes_namespace], target_label: namespace}}
      - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}
",
        kubeconfig.display()
    )
}

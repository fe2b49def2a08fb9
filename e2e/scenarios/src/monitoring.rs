//! A real Prometheus over the cluster: scrapes what the pods say about themselves, at their own addresses.
//! (Debian's build has no service discovery for Kubernetes: the pods are looked up once, before it starts.)

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wickr_cluster::{HOST, Prometheus, until};

use crate::ground::Ground;
use crate::kubernetes::Kubernetes;

const PORT: u16 = 9091;

/// Scrapes every pod with a port named `metrics`, every second.
pub struct Monitoring {
    prometheus: Prometheus,
    _ways: Vec<Way>,
}

/// `kubectl port-forward` to a pod of somebody's cluster, whose pods have no address here; ended on drop.
struct Way {
    process: Child,
    at: SocketAddr,
}

impl Way {
    fn to(kubernetes: &Kubernetes, namespace: &str, pod: &str, port: &str) -> Result<Self> {
        let mut command = kubernetes.ground().kubectl();
        command.args(["port-forward", "-n", namespace, pod, &format!(":{port}"), "--address=127.0.0.1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().context("starting kubectl port-forward")?;
        let mut line = String::new();
        let output = process.stdout.take().context("no standard output")?;
        let mut output = BufReader::new(output);
        output.read_line(&mut line).context("reading kubectl port-forward")?;
        // It says a word with each connection, and ends when nobody hears it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let at = line.strip_prefix("Forwarding from ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let way = Self { process, at: at.unwrap_or(SocketAddr::from(([0; 4], 0))) };
        ensure!(way.at.port() > 0, "kubectl port-forward to {namespace}/{pod} says \"{}\"", line.trim());
        Ok(way)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

impl Monitoring {
    /// Starts one for the pods that now run in these namespaces; it ends when this is dropped.
    pub fn start(kubernetes: &Kubernetes, namespaces: &[&str]) -> Result<Self> {
        let (mut jobs, mut ways) = (Vec::new(), Vec::new());
        for namespace in namespaces {
            for pod in kubernetes.list(namespace, "pods")? {
                let (name, address) = (&pod["metadata"]["name"], &pod["status"]["podIP"]);
                let ports = pod["spec"]["containers"][0]["ports"].as_array().cloned().unwrap_or_default();
                let Some(port) = ports.iter().find(|port| port["name"] == "metrics") else { continue };
                let address = address.as_str().with_context(|| format!("pod {name} has no address"))?;
                let port = port["containerPort"].to_string();
                let target = match kubernetes.ground() {
                    Ground::Own(_) => format!("{address}:{port}"),
                    Ground::Given(_) => {
                        let way = Way::to(kubernetes, namespace, name.as_str().unwrap_or_default(), &port)?;
                        let at = way.at.to_string();
                        ways.push(way);
                        at
                    }
                };
                let labels = format!("{{namespace: {namespace}, pod: {name}}}");
                jobs.push(format!("{{targets: [\"{target}\"], labels: {labels}}}"));
            }
        }
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: wickr, static_configs: [{}]}}]\n",
            jobs.join(", ")
        );
        let address = SocketAddr::from((HOST, PORT));
        let name = format!("prometheus-{}", kubernetes.ground().name());
        let prometheus = Prometheus::up(&name, &configuration, address)?.tied()?;
        Ok(Self { prometheus, _ways: ways })
    }

    /// The value of an expression that gives one number; `None` while there is no sample.
    pub fn value(&self, expression: &str) -> Result<Option<f64>> {
        let result = self.prometheus.query(expression)?;
        let text = result.first().and_then(|sample| sample["value"][1].as_str());
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Waits until an expression has a value that fits.
    pub fn until(&self, expression: &str, limit: Duration, fits: impl Fn(f64) -> bool) -> Result<f64> {
        until(expression, limit, || Ok(self.value(expression)?.filter(|value| fits(*value))))
    }

    /// What it scrapes, with health and last error of each.
    pub fn targets(&self) -> Result<Vec<Value>> {
        self.prometheus.targets()
    }
}

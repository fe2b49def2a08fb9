//! A real Prometheus over a cluster of ours, as the chart has it (`monitoring` asks any cluster): it scrapes what the rendered PodMonitors choose (`discovery`),
//! and its rules are those of the rendered PrometheusRule, unchanged.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wickr_base::Lifetime;
use wickr_chart::{MONITORING_API, Rendering};
use wickr_cluster::progress::say;
use wickr_cluster::{HOST, Prometheus, until};

use crate::discovery::{Discovery, write};
use crate::kubernetes::Kubernetes;

const PORT: u16 = 9091;
/// For an alert: the operator asks each half minute and looks once a minute, and the alert may wait for a minute besides.
const TOLD: Duration = Duration::from_mins(4);

/// What the chart says, and who does it.
pub struct Alerting {
    // First: it asks a cluster that may go when this goes.
    _discovery: Discovery,
    prometheus: Prometheus,
    groups: Vec<Value>,
}

impl Alerting {
    /// Starts one with its files in `folder`; it ends when this is dropped.
    pub fn start(kubernetes: &Kubernetes, folder: &Path) -> Result<Self> {
        let rendering = Rendering::new().with(r#"monitoring.interval="2s""#).on(MONITORING_API);
        let objects = rendering.objects().context("rendering the chart")?;
        let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind).cloned();
        let rules = of("PrometheusRule").next().context("the chart has no PrometheusRule")?;
        let groups =
            rules["spec"]["groups"].as_array().cloned().context("a PrometheusRule without groups")?;
        let (alerts, found) = (folder.join("alerts.json"), folder.join("targets.json"));
        // JSON is YAML; this is what prometheus-operator writes for Prometheus, too.
        write(&alerts, &rules["spec"])?;
        let discovery = Discovery::start(kubernetes, of("PodMonitor").collect(), found.clone())?;
        let configuration = json!({
            "global": {"evaluation_interval": "2s"},
            "rule_files": [alerts],
            "scrape_configs": [
                {"job_name": "wickr", "file_sd_configs": [{"files": [found], "refresh_interval": "5s"}]},
            ],
        });
        let address = SocketAddr::from((HOST, PORT));
        let name = "prometheus-alerts";
        let prometheus = Prometheus::up(name, &configuration.to_string(), address)?.tied()?;
        Ok(Self { _discovery: discovery, prometheus, groups })
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

    /// Waits until that alert fires; `labels` as in a query, such as `namespace="hq"`.
    pub fn fires(&self, alert: &str, labels: &str) -> Result<()> {
        self.until_alert(alert, "firing", labels, TOLD)
    }

    /// Waits until that alert's rule holds, and it waits for as long as the rule must hold.
    pub fn is_pending(&self, alert: &str, labels: &str) -> Result<()> {
        self.until_alert(alert, "pending", labels, TOLD)
    }

    /// Waits for `limit` until that alert is in that state.
    pub fn until_alert(&self, alert: &str, state: &str, labels: &str, limit: Duration) -> Result<()> {
        let began = started();
        let expression = format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"{state}\",{labels}}})");
        self.until(&expression, limit, |count| count > 0.0)?;
        say(&format!("{alert} {labels}: {state}, {} s after it was looked for", began.elapsed().as_secs()));
        Ok(())
    }

    /// Waits until that alert is over.
    pub fn is_over(&self, alert: &str, labels: &str) -> Result<()> {
        let expression = format!("count(ALERTS{{alertname=\"{alert}\",{labels}}})");
        let over = || Ok(self.value(&expression)?.is_none().then_some(()));
        until(&format!("the end of {alert}"), TOLD, over)?;
        say(&format!("{alert} {labels}: over"));
        Ok(())
    }

    /// What it scrapes, with health and last error of each.
    pub fn targets(&self) -> Result<Vec<Value>> {
        self.prometheus.targets()
    }

    /// Compares what it has loaded with the chart: the groups, and each rule with what people read of it. Gives how many.
    /// (Expressions are not compared: it gives them in a spelling of its own. It had them from the chart's rule.)
    pub fn has_the_charts_rules(&self) -> Result<usize> {
        let loaded = self.prometheus.rules()?;
        ensure!(loaded.len() == self.groups.len(), "{} groups, not {}", loaded.len(), self.groups.len());
        let mut compared = 0;
        for group in &self.groups {
            let name = &group["name"];
            let same = loaded.iter().find(|loaded| loaded["name"] == *name);
            let (wanted, loaded) = (rules(group), rules(same.with_context(|| format!("no group {name}"))?));
            ensure!(wanted.len() == loaded.len(), "group {name} has {} rules", loaded.len());
            for (rule, loaded) in wanted.iter().zip(loaded) {
                let rule = as_loaded(rule)?;
                let parts = rule.as_object().into_iter().flatten();
                for (part, value) in parts {
                    ensure!(loaded[part] == *value, "in group {name}, {part}: {} not {value}", loaded[part]);
                }
                compared += 1;
            }
        }
        Ok(compared)
    }
}

fn rules(group: &Value) -> &[Value] {
    group["rules"].as_array().map_or(&[], Vec::as_slice)
}

/// How Prometheus tells of a rule, without what it adds.
fn as_loaded(rule: &Value) -> Result<Value> {
    let lasts = rule["for"].as_str().unwrap_or("0s");
    let lasts: Lifetime =
        lasts.parse().with_context(|| format!("reading how long {} waits", rule["alert"]))?;
    Ok(json!({
        "name": rule["alert"],
        "duration": lasts.get().as_secs(),
        "labels": rule["labels"],
        "annotations": rule["annotations"],
        "health": "ok",
    }))
}

#[expect(clippy::disallowed_methods, reason = "says how long a real Prometheus took, by the real clock")]
fn started() -> Instant {
    Instant::now()
}

//! The chart's monitors and alerts in a real Prometheus: what it scrapes and which rules it has. That alerts fire stands
//! with what makes them: headquarters, outpost, provider. Those that wait for many minutes are seen pending here, and
//! firing in e2e/chart/tests/alerts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wickr_cluster::progress::say;
use wickr_scenarios::alerting::Alerting;
use wickr_scenarios::faults;
use wickr_scenarios::suite::{NETWORK, SYSTEM, Suite};

const SOON: Duration = Duration::from_mins(1);
/// What `WickrOperatorDown` waits for, and a minute.
const DOWN: Duration = Duration::from_mins(6);

/// With the demo's network in service.
pub(crate) fn it_scrapes_what_the_monitors_choose(prometheus: &Alerting) -> Result<()> {
    let (hq, rules) = (NETWORK.namespace, prometheus.has_the_charts_rules().context("the rules")?);
    let chosen = [("wickr-operator", "operator", SYSTEM), ("wickr", "relay", hq), ("wickr", "sso", hq)];
    for (job, container, namespace) in chosen {
        let up =
            format!("count(up{{job=\"{job}\",container=\"{container}\",namespace=\"{namespace}\"}} == 1)");
        prometheus.until(&up, SOON, |up| up >= 1.0)?;
    }
    let targets = prometheus.targets()?;
    let ours =
        |target: &Value| [hq, "outpost", SYSTEM].iter().any(|space| target["labels"]["namespace"] == *space);
    ensure!(targets.iter().all(ours), "it scrapes others, too: {targets:?}");
    ensure!(targets.iter().all(|target| target["scrapeInterval"] == "2s"), "{targets:?}");
    say(&format!("Prometheus has the chart's {rules} rules and scrapes {} pods", targets.len()));
    Ok(())
}

/// The last act. That it fires takes five minutes, which only the full form has.
pub(crate) fn nobody_operates(suite: &Suite, prometheus: &Alerting) -> Result<()> {
    let scale = |replicas: &str| {
        let scale = ["scale", "-n", SYSTEM, "deployment/wickr-operator", replicas];
        suite.kubernetes.run(&scale).map(drop)
    };
    scale("--replicas=0")?;
    prometheus.is_pending("WickrOperatorDown", "")?;
    if faults::lasting(Duration::ZERO) >= DOWN {
        prometheus.until_alert("WickrOperatorDown", "firing", "", DOWN)?;
    }
    scale("--replicas=2")?;
    prometheus.is_over("WickrOperatorDown", "")
}

//! The chart's alerts. `charts/wickr-operator/files/alerts.yaml` is the one table: Prometheus' own form, in the chart's
//! PrometheusRule unchanged; runbooks, tests and the dashboard are compared with it.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::chart;

/// A group of rules.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub expression: String,
    /// How long that must hold first; empty: at once.
    pub lasts: String,
    /// Its labels and annotations.
    rule: Value,
}

impl Alert {
    /// A label or an annotation; empty when it isn't there.
    pub fn text(&self, part: &str, name: &str) -> &str {
        self.rule[part][name].as_str().unwrap_or_default()
    }
}

/// All groups, in their order.
pub fn groups() -> Result<Vec<Group>> {
    let path = chart().join("files/alerts.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let parsed: Value =
        serde_yaml::from_str(&text).with_context(|| format!("reading {} as YAML", path.display()))?;
    let groups = parsed["groups"].as_array().context("no list of groups")?;
    groups.iter().map(group).collect()
}

fn group(group: &Value) -> Result<Group> {
    let name = group["name"].as_str().context("a group without a name")?;
    let rules = group["rules"].as_array().with_context(|| format!("group {name} has no rules"))?;
    Ok(Group { name: name.to_owned(), alerts: rules.iter().map(alert).collect::<Result<_>>()? })
}

fn alert(rule: &Value) -> Result<Alert> {
    let text = |key: &str| rule[key].as_str().map(str::to_owned);
    Ok(Alert {
        name: text("alert").with_context(|| format!("not an alert: {rule}"))?,
        expression: text("expr").with_context(|| format!("an alert without expr: {rule}"))?,
        lasts: text("for").unwrap_or_default(),
        rule: rule.clone(),
    })
}

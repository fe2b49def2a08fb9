//! Rendering by Helm itself, with any values.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wickr_cluster::helm;

/// The API of PodMonitor and PrometheusRule.
pub const MONITORING_API: &str = "monitoring.coreos.com/v1";

/// The top of the working copy.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    repository().join("charts/wickr-operator")
}

/// One rendering: values, and what the cluster serves.
#[derive(Clone, Debug, Default)]
pub struct Rendering {
    values: Vec<String>,
    apis: Vec<String>,
}

impl Rendering {
    /// The default values on a cluster that serves Kubernetes alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one value, as `path=JSON`.
    #[must_use]
    pub fn with(mut self, value: &str) -> Self {
        self.values.push(value.to_owned());
        self
    }

    /// On a cluster that serves this API as well.
    #[must_use]
    pub fn on(mut self, api: &str) -> Self {
        self.apis.push(api.to_owned());
        self
    }

    /// The objects, in Helm's order; an error is what Helm says.
    pub fn objects(&self) -> Result<Vec<Value>> {
        let mut command = helm()?;
        command.args(["template", "wickr-operator"]).arg(chart()).args(["--namespace", "wickr-system"]);
        command.args(self.values.iter().flat_map(|value| ["--set-json", value]));
        command.args(self.apis.iter().flat_map(|api| ["--api-versions", api]));
        objects(&finish(&mut command)?)
    }
}

/// The objects of a YAML text with several documents.
pub fn objects(text: &str) -> Result<Vec<Value>> {
    let documents = text.split("\n---\n").map(|text| text.trim_start_matches("---\n"));
    let parsed =
        documents.map(|text| serde_yaml::from_str(text).with_context(|| format!("not YAML: {text}")));
    let all: Vec<Value> = parsed.collect::<Result<_>>()?;
    Ok(all.into_iter().filter(|object| !object.is_null()).collect())
}

fn finish(command: &mut Command) -> Result<String> {
    let output = command.output().context("starting helm")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("reading what helm printed")
}

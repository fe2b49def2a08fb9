//! Definitions of kinds that are not ours and that the chart writes objects of, as their project publishes them: out of
//! its Go module, whose version and checksum stand in `e2e/cluster/go/prometheus-operator` (what is built: go_build.rs).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::run;
use crate::prerequisites;

const MODULE: &str = "github.com/prometheus-operator/prometheus-operator";
const KINDS: [&str; 2] = ["podmonitors", "prometheusrules"];

/// The definitions of PodMonitor and PrometheusRule, as YAML.
pub fn monitoring_definitions() -> Result<Vec<String>> {
    prerequisites::go()?;
    let folder = downloaded()?.join("example/prometheus-operator-crd");
    let read = |kind: &str| {
        let path = folder.join(format!("monitoring.coreos.com_{kind}.yaml"));
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    KINDS.iter().map(|kind| read(kind)).collect()
}

/// The module's folder; its checksum was compared with go.sum.
fn downloaded() -> Result<PathBuf> {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("go/prometheus-operator");
    let said = run(Command::new("go").current_dir(pinned).args(["mod", "download", "-json", MODULE]))?;
    let said: Value = serde_json::from_str(&said).context("reading what 'go mod download' says")?;
    let folder = said["Dir"].as_str().with_context(|| format!("{MODULE} was not downloaded: {said}"))?;
    Ok(PathBuf::from(folder))
}

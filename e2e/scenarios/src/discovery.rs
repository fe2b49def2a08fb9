//! What prometheus-operator and Prometheus' own discovery do together: the pods that the chart's PodMonitors choose, in a
//! file that Prometheus follows, looked up again every few seconds. (Debian's build has no discovery in Kubernetes.)

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use wickr_chart::{Target, targets};
use wickr_cluster::progress::say;

use crate::kubernetes::Kubernetes;

const AGAIN: Duration = Duration::from_secs(2);

/// Looks until it is dropped.
pub(crate) struct Discovery {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Writes what these monitors choose to `file`, once before it returns.
    pub(crate) fn start(kubernetes: &Kubernetes, monitors: Vec<Value>, file: PathBuf) -> Result<Self> {
        let mut last = look(kubernetes, &monitors)?;
        write(&file, &last)?;
        let (kubernetes, (end, ended)) = (kubernetes.clone(), mpsc::channel());
        let thread = thread::spawn(move || {
            while ended.recv_timeout(AGAIN) == Err(RecvTimeoutError::Timeout) {
                let next = look(&kubernetes, &monitors).and_then(|next| {
                    if next != last {
                        write(&file, &next)?;
                    }
                    Ok(next)
                });
                match next {
                    Ok(next) => last = next,
                    // As real discovery does: what was known stays.
                    Err(error) => say(&format!("the pods to scrape can't be looked up: {error:#}")),
                }
            }
        });
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        drop(self.end.take());
        // Before the cluster goes that it asks.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The content of the file.
fn look(kubernetes: &Kubernetes, monitors: &[Value]) -> Result<Value> {
    let pods = kubernetes.run(&["get", "pods", "--all-namespaces", "-o", "json"])?;
    let pods: Value = serde_json::from_str(&pods).context("reading the list of pods")?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for monitor in monitors {
        all.extend(targets(monitor, &pods)?.iter().map(entry));
    }
    Ok(Value::Array(all))
}

/// One entry of the file, with the names by which Prometheus takes path and times from labels.
fn entry(target: &Target) -> Value {
    let mut labels: Map<String, Value> =
        target.labels.iter().map(|(label, value)| ((*label).to_owned(), json!(value))).collect();
    labels.insert("__metrics_path__".to_owned(), json!(target.path));
    labels.insert("__scrape_interval__".to_owned(), json!(target.interval));
    labels.insert("__scrape_timeout__".to_owned(), json!(target.interval));
    json!({"targets": [target.address], "labels": labels})
}

/// In one step: Prometheus reads whatever is there when it looks.
pub(crate) fn write(path: &Path, value: &Value) -> Result<()> {
    let whole = path.with_extension("new");
    fs::write(&whole, value.to_string())
        .and_then(|()| fs::rename(&whole, path))
        .with_context(|| format!("writing {}", path.display()))
}

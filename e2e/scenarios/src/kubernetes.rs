//! What a platform engineer does with kubectl, and one thing that only a test does: signals to a pod's process.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::ground::Ground;
use crate::watch::Watch;

/// kubectl on one cluster.
#[derive(Clone)]
pub struct Kubernetes {
    ground: Ground,
}

impl Kubernetes {
    /// Of that cluster.
    pub fn new(ground: Ground) -> Self {
        Self { ground }
    }

    /// The cluster.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Runs kubectl and gives what it printed; a failure carries its error text.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        finish(self.ground.kubectl().args(arguments), None)
    }

    /// The same for what isn't text.
    pub fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        output(self.ground.kubectl().args(arguments), None)
    }

    /// Types a line into a shell in `folder`, where `kubectl` is the cluster's; gives what it printed.
    pub fn shell(&self, line: &str, folder: &Path) -> Result<String> {
        let kubectl = self.ground.kubectl();
        let programs = Path::new(kubectl.get_program()).parent().context("kubectl is in no folder")?;
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(folder).env("PATH", path);
        finish(shell.env("KUBECONFIG", self.ground.kubeconfig()), None)
    }

    /// Applies a file or a folder, as a person would.
    pub fn apply_path(&self, path: &Path) -> Result<String> {
        self.run(&["apply", "--server-side", "-f", &path.display().to_string()])
    }

    /// Applies manifests given as text.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        finish(self.ground.kubectl().args(["apply", "--server-side", "-f", "-"]), Some(manifests))
    }

    /// One object as JSON; `None` when it isn't there.
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> Result<Option<Value>> {
        let text = self.run(&["get", "-n", namespace, kind, name, "-o", "json", "--ignore-not-found"])?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).with_context(|| format!("reading {kind} {name}"))
    }

    /// All objects of a kind in a namespace as JSON.
    pub fn list(&self, namespace: &str, kind: &str) -> Result<Vec<Value>> {
        let text = self.run(&["get", "-n", namespace, kind, "-o", "json"])?;
        let list: Value =
            serde_json::from_str(&text).with_context(|| format!("reading the list of {kind}"))?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// A condition of an object: status, reason and message; `None` while it isn't there.
    pub fn condition(
        &self,
        namespace: &str,
        kind: &str,
        name: &str,
        condition: &str,
    ) -> Result<Option<Condition>> {
        let Some(object) = self.get(namespace, kind, name)? else { return Ok(None) };
        Ok(Condition::of(&object, condition))
    }

    /// Waits until a condition is as `wanted` says; the error tells what it was instead.
    pub fn wait(
        &self,
        at: &Place<'_>,
        condition: &str,
        limit: Duration,
        wanted: impl Fn(&Condition) -> bool,
    ) -> Result<Condition> {
        let mut last = None;
        let found = Watch::start(self, at)?.until(limit, |object| {
            last = Condition::of(object, condition);
            last.clone().filter(|seen| wanted(seen))
        })?;
        found.with_context(|| {
            let place = format!("{} {}/{}", at.kind, at.namespace, at.name);
            let within = limit.as_secs();
            match &last {
                Some(seen) => format!(
                    "after {within} s {condition} of {place} is {}, reason {}: {}",
                    seen.status, seen.reason, seen.message
                ),
                None => format!("after {within} s {place} has no condition {condition}"),
            }
        })
    }

    /// A key of a Secret, decoded.
    pub fn secret(&self, namespace: &str, name: &str, key: &str) -> Result<Vec<u8>> {
        use base64::Engine;
        let secret =
            self.get(namespace, "secret", name)?.with_context(|| format!("there is no Secret {name}"))?;
        let text = secret["data"][key].as_str().with_context(|| format!("Secret {name} has no key {key}"))?;
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .with_context(|| format!("decoding {name}/{key}"))
    }

    /// SIGKILLs the processes of a pod that run `program`; gives how many there were.
    pub fn kill(&self, namespace: &str, pod: &str, program: &str) -> Result<usize> {
        self.signal(namespace, pod, program, "KILL")
    }

    /// Sends a signal to the processes of a pod that run `program`; gives how many there were.
    pub fn signal(&self, namespace: &str, pod: &str, program: &str, signal: &str) -> Result<usize> {
        let found = self.get(namespace, "pod", pod)?.with_context(|| format!("there is no pod {pod}"))?;
        let uid = found["metadata"]["uid"].as_str().context("a pod without a uid")?.to_owned();
        let processes = processes_of(&uid, program)?;
        if processes.is_empty() {
            bail!("pod {pod} has no process {program}");
        }
        for process in &processes {
            let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).status();
            sent.with_context(|| format!("sending {signal} to process {process}"))?;
        }
        Ok(processes.len())
    }
}

/// One object.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its kind, as kubectl takes it.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A condition as the API convention has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// True, False or Unknown.
    pub status: String,
    /// One word.
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl Condition {
    /// Reads one from an object's status.
    pub fn of(object: &Value, wanted: &str) -> Option<Self> {
        let conditions = object["status"]["conditions"].as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == wanted)?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        Some(Self { status: text("status"), reason: text("reason"), message: text("message") })
    }

    /// Whether it holds.
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// Processes whose control group is the pod's, whatever process namespace they are in.
fn processes_of(uid: &str, program: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let group = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if (group.contains(uid) || group.contains(&uid.replace('-', "_"))) && command.trim() == program {
            found.push(process);
        }
    }
    Ok(found)
}

fn finish(command: &mut Command, input: Option<&str>) -> Result<String> {
    let text = output(command, input)?;
    String::from_utf8(text).with_context(|| format!("reading what {command:?} printed"))
}

fn output(command: &mut Command, input: Option<&str>) -> Result<Vec<u8>> {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {line}"))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        pipe.write_all(input.as_bytes()).with_context(|| format!("writing to {line}"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for {line}"))?;
    if !output.status.success() {
        bail!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    }
    Ok(output.stdout)
}

//! Ties background processes and a folder to our own life: whatever ends us, SIGKILL included, they go too.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::process::Process;

/// A shell that waits for the end of its standard input, which only we hold open, and then kills and removes.
#[derive(Debug)]
pub(crate) struct Leash(Child);

/// The processes' groups, not just the processes: a launcher's children go too.
const SCRIPT: &str = r#"read -r _; dir=$1; shift; for id in "$@"; do kill -9 -- "-$id" 2>/dev/null; done
for id in "$@"; do while [ -d "/proc/$id" ] && ! grep -q '^State:.Z' "/proc/$id/status"; do sleep 0.02; done; done; rm -rf "$dir""#;

impl Leash {
    /// From now on `processes` end and `folder` is removed when this is dropped or we end.
    pub(crate) fn new(processes: &[Process], folder: &Path) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "leash"])
            .arg(folder)
            .args(processes.iter().map(|process| process.id.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting the shell that cleans up after us")?;
        Ok(Self(child))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

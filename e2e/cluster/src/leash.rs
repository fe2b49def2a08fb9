//! Ties background processes and a folder to our own life: whatever ends us, SIGKILL included, they go too.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::process::Process;

/// A shell that reads process ids until its standard input ends, which only we hold open, and then kills and removes.
#[derive(Debug)]
pub(crate) struct Leash(Child);

/// The processes' groups, not just the processes: a launcher's children go too. The last one goes first.
const SCRIPT: &str = r#"ids=
while read -r id; do ids="$id $ids"; done
for id in $ids; do kill -s KILL -- "-$id"; done
for id in $ids; do
  tries=0
  while [ $tries -lt 500 ] && [ -d "/proc/$id" ] && ! grep -q '^State:.Z' "/proc/$id/status"; do
    tries=$((tries + 1))
    sleep 0.02
  done
done
rm -rf "$1"
"#;

impl Leash {
    /// From now on `folder` is removed when this is dropped or we end.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "leash"]).arg(folder).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(shell.spawn().context("starting the shell that cleans up after us")?))
    }

    /// From now on this process, too.
    pub(crate) fn tie(&mut self, process: Process) -> Result<()> {
        let pipe = self.0.stdin.as_mut().context("the shell that cleans up has no input")?;
        writeln!(pipe, "{}", process.id).context("telling the shell that cleans up")
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

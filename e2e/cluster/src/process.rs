//! A process that outlives us, known by its id and start time, so that a reused id is never mistaken for it.
//! What must not outlive us is on a leash besides: leash.rs.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::command::line;
use crate::wait;

/// A process and the clock tick it began at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id, in our own process namespace.
    pub id: i32,
    started: u64,
}

impl Process {
    /// The process that has this id now.
    pub fn of(id: i32) -> Result<Self> {
        let Some(stat) = Stat::read(id) else { bail!("process {id} has ended already") };
        Ok(Self { id, started: stat.started })
    }

    /// Whether it still runs; a zombie doesn't.
    pub fn is_alive(self) -> bool {
        Stat::read(self.id).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.id).with_context(|| format!("process id {}", self.id))?;
        if self.is_alive() && rustix::process::kill_process(pid, signal).is_err() && self.is_alive() {
            bail!("process {} can't be signalled", self.id);
        }
        Ok(())
    }

    /// Ends it: asks, waits for `grace`, then kills.
    pub fn stop(self, grace: Duration) -> Result<()> {
        let ended = || Ok((!self.is_alive()).then_some(()));
        self.signal(Signal::TERM)?;
        if wait::until("a process to stop", grace, ended).is_err() {
            self.signal(Signal::KILL)?;
            wait::until("a killed process to go", Duration::from_secs(30), ended)?;
        }
        Ok(())
    }

    /// Its first child, if it has one.
    pub fn child(self) -> Option<Self> {
        let ids = std::fs::read_dir("/proc")
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let child = ids.filter(|id| Stat::read(*id).is_some_and(|stat| stat.parent == self.id)).min()?;
        Self::of(child).ok()
    }
}

/// Starts a command in the background, in a process group of its own (Ctrl-C at the terminal is not for it), with
/// what it prints in `log`.
pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Process> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("opening {} twice", log.display()))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    let mut child = command.spawn().with_context(|| format!("starting {}", line(&command)))?;
    let process = Process::of(i32::try_from(child.id()).context("process id")?);
    std::thread::spawn(move || child.wait());
    process.with_context(|| format!("'{}' ended at once; see {}", line(&command), log.display()))
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    /// proc(5): the name, in parentheses, may contain anything, so fields are counted from the last one.
    fn read(id: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_id_is_not_the_process() {
        let own = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_alive());
        assert!(!Process { started: own.started + 1, ..own }.is_alive());
    }
}

//! Removing a cluster, whatever it is made of at the moment: running, half made, or what a crash left.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::cluster::remove_if_empty;
use crate::command::{command, run};
use crate::process::Process;
use crate::record::Record;
use crate::{cgroup, network, paths, wait};

/// Ends its processes and removes its network, control groups and files; with the last cluster the bridge, too.
pub(crate) fn everything(record: &Record) -> Result<()> {
    let name = &record.name;
    if let Some(machine) = record.machine {
        machine.stop()?;
    }
    stop_strays(name)?;
    network::down(name, record.addresses())?;
    cgroup::remove(&network::namespace(name))?;
    files(name)
}

/// Removes its files: all that there is of one that was interrupted before its record was written.
pub(crate) fn files(name: &str) -> Result<()> {
    let state = paths::cluster(name);
    // The kernel drops a dead machine's mounts a moment after its last process.
    wait::until(&format!("{} to be removable", state.display()), Duration::from_secs(30), || {
        Ok((fs::remove_dir_all(&state).is_ok() || !state.exists()).then_some(()))
    })?;
    after_the_last()
}

/// Removes the bridge unless a cluster or a service beside the clusters still needs it.
pub(crate) fn after_the_last() -> Result<()> {
    let _lock = network::hold()?;
    let folders = ["clusters", "services"].map(|folder| paths::state().join(folder));
    for folder in &folders {
        remove_if_empty(folder);
    }
    if folders.iter().all(|folder| !folder.exists()) {
        network::bridge_down()?;
        remove_if_empty(&paths::state());
    }
    Ok(())
}

/// Processes in its network that no record tells of: we were interrupted between starting and writing down.
fn stop_strays(name: &str) -> Result<()> {
    let space = network::namespace(name);
    wait::until(&format!("the processes of {space} to end"), Duration::from_secs(30), || {
        if !Path::new("/run/netns").join(&space).exists() {
            return Ok(Some(()));
        }
        let listed =
            run(&mut command("ip", ["netns", "pids", &space])).context("looking for its processes")?;
        let strays: Vec<Process> =
            listed.lines().filter_map(|line| Process::of(line.trim().parse().ok()?).ok()).collect();
        for stray in strays.iter().filter(|stray| stray.is_alive()) {
            stray.signal(Signal::KILL)?;
        }
        Ok(strays.iter().all(|stray| !stray.is_alive()).then_some(()))
    })
}

//! A process beside the clusters, on the machine's own network: what an identity provider and Prometheus have in common.
//! It lives on after us like a cluster, or ends with us when it is tied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::leash::Leash;
use crate::process::{Process, spawn};
use crate::{network, paths, prerequisites, remove};

/// A service by its name, with a folder that is there until it is taken down.
#[derive(Debug)]
pub struct Service {
    name: String,
    process: Option<Process>,
    leash: Option<Leash>,
}

impl Service {
    /// What an earlier call left under this name, running or not; otherwise something new that has only a folder.
    pub(crate) fn lookup_or_create(name: &str) -> Result<Self> {
        prerequisites::root("services beside the clusters listen on their bridge")?;
        let service = Self { name: name.to_owned(), process: recorded(name), leash: None };
        let lock = network::hold()?;
        fs::create_dir_all(service.folder())
            .with_context(|| format!("making {}", service.folder().display()))?;
        drop(lock);
        network::bridge_up()?;
        Ok(service)
    }

    /// Removes a service with its folder. One that isn't there is no error.
    pub fn down(name: &str) -> Result<()> {
        let folder = paths::service(name);
        if !folder.exists() {
            return Ok(());
        }
        if let Some(process) = recorded(name) {
            process.stop(Duration::from_secs(10))?;
        }
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        remove::after_the_last()
    }

    /// Names of those that left a folder, running or not.
    pub fn list() -> Vec<String> {
        let folders = fs::read_dir(paths::state().join("services")).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            folders.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        paths::service(&self.name)
    }

    /// What it prints.
    pub fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Its process, while that runs.
    pub fn process(&self) -> Option<Process> {
        self.process.filter(|process| process.is_alive())
    }

    /// Starts its process, in place of none.
    pub(crate) fn start(&mut self, command: Command) -> Result<Process> {
        let process = spawn(command, &self.log())?;
        self.process = Some(process);
        let record = serde_json::to_vec(&process).context("writing down a process")?;
        fs::write(record_path(&self.name), record)
            .with_context(|| format!("writing down '{}'", self.name))?;
        if let Some(leash) = &mut self.leash {
            leash.tie(process)?;
        }
        Ok(process)
    }

    /// Ends its process; folder, keys and data stay for another start.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.stop(Duration::from_secs(10)))
    }

    /// From now on it ends, with its folder, when this is dropped or we end, however that happens.
    pub(crate) fn tie(&mut self) -> Result<()> {
        let mut leash = Leash::new(&self.folder())?;
        if let Some(process) = self.process() {
            leash.tie(process)?;
        }
        self.leash = Some(leash);
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.leash.take().is_some() {
            // What stays otherwise is an empty bridge, which the next one takes over.
            let _ = remove::after_the_last();
        }
    }
}

fn record_path(name: &str) -> PathBuf {
    paths::service(name).join("process.json")
}

fn recorded(name: &str) -> Option<Process> {
    let process: Process = serde_json::from_slice(&fs::read(record_path(name)).ok()?).ok()?;
    process.is_alive().then_some(process)
}

/// Copies a folder without folders in it.
pub(crate) fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for file in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))?.flatten() {
        let target = to.join(file.file_name());
        fs::copy(file.path(), &target).with_context(|| format!("copying to {}", target.display()))?;
    }
    Ok(())
}

//! One cluster: up, down, and what a test does with it. How it is started, part by part: start.rs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::binaries::{self, Binaries};
use crate::command::{run, run_with_input};
use crate::https::Client;
use crate::machine::Machine;
use crate::names::Hosts;
use crate::record::Record;
use crate::{addons, apiserver, containerd, lock, paths, prerequisites, progress, remove, start};

/// Port of every cluster's API server, at its node's address.
pub const API_PORT: u16 = 6443;

/// What may be chosen about a new cluster.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of services outside that its pods shall resolve. Given to a running cluster they replace those it knows;
    /// none leave them as they are.
    pub hosts: Hosts,
    /// The last part of its node's address, 11 to 250; the lowest free one if absent.
    pub number: Option<u8>,
}

/// A running cluster. Dropping this leaves it running: see [`Teardown`].
#[derive(Clone, Debug)]
pub struct Cluster {
    record: Record,
    machine: Machine,
    binaries: Binaries,
}

impl Cluster {
    /// Starts it. If it runs already, only its names are brought up to date; one that is half made, dead or made of
    /// other programs is removed and made again.
    pub fn up(name: &str, options: &Options) -> Result<Self> {
        check(name)?;
        prerequisites::cluster()?;
        let binaries = Binaries::ensure()?;
        let _lock = lock::hold(&paths::cache()?.join("locks").join(name))?;
        if let Some(record) = Record::lookup(name)? {
            match Self::running(&record, &binaries) {
                Some(mut cluster) if options.number.is_none_or(|number| number == cluster.record.number) => {
                    if !options.hosts.is_empty() {
                        cluster.set_hosts(&options.hosts)?;
                    }
                    return Ok(cluster);
                }
                _ => progress::step(
                    &format!("cluster {name}: what is left of an earlier one is removed"),
                    || remove::everything(&record),
                )?,
            }
        }
        let images = addons::images(&binaries)?;
        let record = Record::create(name, options.number, binaries.fingerprint(), options.hosts.clone())?;
        let (record, machine) = start::cluster(record, &binaries, &images).with_context(|| {
            format!(
                "cluster '{name}' didn't start; logs are in {}",
                paths::cluster(name).join("log").display()
            )
        })?;
        Ok(Self { record, machine, binaries })
    }

    /// The cluster of this name, if it is running.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let Some(record) = Record::lookup(name)? else { return Ok(None) };
        Ok(Self::running(&record, &Binaries::ensure()?))
    }

    /// Removes it with everything that belongs to it, in whatever state it is. One that isn't there is no error.
    pub fn down(name: &str) -> Result<()> {
        check(name)?;
        let _lock = lock::hold(&paths::cache()?.join("locks").join(name))?;
        if !paths::cluster(name).exists() {
            return Ok(());
        }
        prerequisites::root("the cluster was made by root")?;
        match Record::lookup(name)? {
            Some(record) => remove::everything(&record),
            None => remove::files(name),
        }
    }

    /// All clusters that left a record, running or not.
    pub fn list() -> Result<Vec<Summary>> {
        let running = |record: &Record| record.complete && record.machine.is_some_and(Machine::is_alive);
        let summary = |record: Record| Summary {
            running: running(&record),
            node: record.addresses().node,
            kubeconfig: paths::cluster(&record.name).join("kubeconfig"),
            name: record.name,
        };
        Ok(Record::all()?.into_iter().map(summary).collect())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// An administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state().join("kubeconfig")
    }

    /// Its node's address: node ports are reached here, from the machine and from other clusters.
    pub fn node_ip(&self) -> Ipv4Addr {
        self.record.addresses().node
    }

    /// Folder with the logs of its parts.
    pub fn logs(&self) -> PathBuf {
        self.state().join("log")
    }

    /// Folder with a folder for each volume that `local` provisioned.
    pub fn volumes(&self) -> PathBuf {
        self.state().join("volumes")
    }

    /// kubectl for this cluster, waiting for arguments.
    pub fn kubectl(&self) -> Command {
        binaries::kubectl(&self.binaries.kubernetes(""), &self.kubeconfig())
    }

    /// Helm for this cluster, waiting for arguments.
    pub fn helm(&self) -> Command {
        self.binaries.helm(&self.kubeconfig())
    }

    /// Applies manifests, server-side.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let mut kubectl = self.kubectl();
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--filename=-"]);
        run_with_input(&mut kubectl, manifests).map(drop)
    }

    /// Loads an image archive, as `image::build` makes them.
    pub fn load_image(&self, archive: &Path) -> Result<()> {
        containerd::load(self.machine, &self.binaries, archive)
    }

    /// From now on its node pulls images from a registry that has no TLS.
    pub fn pull_plainly_from(&self, registry: SocketAddr) -> Result<()> {
        containerd::pull_plainly_from(&self.state(), registry)
    }

    /// Changes the names of services outside and waits until pods get the new answers.
    pub fn set_hosts(&mut self, hosts: &Hosts) -> Result<()> {
        if self.record.hosts == *hosts {
            return Ok(());
        }
        let dns = |arguments: &[&str]| run(self.kubectl().arg("--namespace=kube-system").args(arguments));
        let before = dns(&["get", "pods", "--selector=k8s-app=kube-dns", "--output=name"])?;
        self.apply(&addons::names(self.record.addresses(), hosts)?)?;
        for pod in before.lines() {
            dns(&["wait", "--for=delete", pod, "--timeout=60s"])?;
        }
        self.record.hosts.clone_from(hosts);
        self.record.save()
    }

    /// A command inside the cluster's machine: its network, its mounts, its processes.
    pub fn enter(&self, program: &str) -> Command {
        self.machine.enter(program)
    }

    /// The machine that it runs in.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    pub(crate) fn state(&self) -> PathBuf {
        paths::cluster(&self.record.name)
    }

    fn running(record: &Record, binaries: &Binaries) -> Option<Self> {
        let machine = record.machine.filter(|machine| machine.is_alive())?;
        let cluster = Self { record: record.clone(), machine, binaries: binaries.clone() };
        let client = Client::trusting(&cluster.state().join("pki/ca.crt")).ok()?;
        let api = SocketAddr::from((cluster.node_ip(), API_PORT));
        let usable =
            record.complete && record.programs == binaries.fingerprint() && apiserver::is_ready(&client, api);
        usable.then_some(cluster)
    }
}

/// A line of `cargo xtask cluster list`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its node's address.
    pub node: Ipv4Addr,
    /// False for what is left of one that crashed.
    pub running: bool,
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
}

/// Takes a cluster down when dropped. If we are killed, the next `up` or `down` of that name cleans up.
#[derive(Debug)]
pub struct Teardown(pub Cluster);

impl Drop for Teardown {
    fn drop(&mut self) {
        if let Err(error) = Cluster::down(self.0.name()) {
            progress::say(&format!("cluster {} can't be removed: {error:#}", self.0.name()));
        }
    }
}

fn check(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || name.len() > 40
        || name.starts_with('-')
        || name.ends_with('-')
        || !name.chars().all(fits)
    {
        bail!("cluster name '{name}': 1 to 40 lower-case letters, digits and inner hyphens are allowed");
    }
    Ok(())
}

/// Removes an empty folder, and leaves one that isn't.
pub(crate) fn remove_if_empty(folder: &Path) {
    let _ = fs::remove_dir(folder);
}

//! Starting a cluster: what can start at once does, and each thing is waited for where it is needed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::addons::Images;
use crate::apiserver::{Credentials, Endpoint};
use crate::binaries::{self, Binaries};
use crate::cluster::API_PORT;
use crate::command::{run, run_with_input};
use crate::machine::Machine;
use crate::pki::{Authority, Identity};
use crate::process::{Process, spawn};
use crate::record::Record;
use crate::{
    addons, apiserver, cgroup, containerd, controllers, etcd, kubeconfig, kubelet, network, paths, progress,
};

const ETCD_PORTS: (u16, u16) = (2379, 2380);

/// Starts all parts and waits until pods get DNS, storage and a place to run.
pub(crate) fn cluster(mut record: Record, binaries: &Binaries, images: &Images) -> Result<(Record, Machine)> {
    let name = record.name.clone();
    let state = paths::cluster(&name);
    let (machine, keys) = progress::step(&format!("cluster {name}: machine and certificates"), || {
        network::up(&name, record.addresses())?;
        cgroup::create(&network::namespace(&name))?;
        let machine = Machine::start(&name, &binaries.pause, &state)?;
        record.machine = Some(machine);
        record.save()?;
        Ok((machine, Keys::issue(&record, &state)?))
    })?;
    let parts = Parts { record: &record, machine, binaries, images, state: &state, keys: &keys };
    progress::step(&format!("cluster {name}: control plane and node"), || {
        std::thread::scope(|scope| {
            let node = scope.spawn(|| parts.start_node());
            parts.start_control_plane()?;
            node.join().map_err(|_| anyhow!("the thread that starts the node panicked"))?
        })
    })?;
    progress::step(&format!("cluster {name}: DNS and storage"), || parts.wait_usable())?;
    record.complete = true;
    record.save()?;
    Ok((record, machine))
}

/// Certificates and kubeconfigs of one cluster.
struct Keys {
    authority: Authority,
    server: Credentials,
    kubelet: Identity,
}

impl Keys {
    fn issue(record: &Record, state: &Path) -> Result<Self> {
        let authority = Authority::new(&state.join("pki"), "kubernetes")?;
        let (node, address) = (record.name.as_str(), record.addresses().node.to_string());
        let services = record.addresses().services();
        let server = Credentials::issue(&authority, &endpoint(record, &services))?;
        let kubelet = authority.issue(
            "kubelet",
            &format!("system:node:{node}"),
            Some("system:nodes"),
            &[node, &address],
        )?;
        let manager = authority.issue("manager", "system:kube-controller-manager", None, &[])?;
        let scheduler = authority.issue("scheduler", "system:kube-scheduler", None, &[])?;
        let proxy = authority.issue("proxy", "system:kube-proxy", None, &[])?;
        let files = [
            ("kubeconfig", server.admin()),
            ("kubelet.kubeconfig", &kubelet),
            ("manager.kubeconfig", &manager),
            ("scheduler.kubeconfig", &scheduler),
            ("proxy.kubeconfig", &proxy),
        ];
        for (file, identity) in files {
            let api = endpoint(record, &services).address;
            kubeconfig::write(&state.join(file), &record.name, api, &authority, identity)?;
        }
        Ok(Self { authority, server, kubelet })
    }
}

fn endpoint<'a>(record: &Record, services: &'a str) -> Endpoint<'a> {
    let addresses = record.addresses();
    Endpoint {
        address: (addresses.node, API_PORT).into(),
        advertised: addresses.node.into(),
        etcd_port: ETCD_PORTS.0,
        services,
        service: addresses.api(),
    }
}

struct Parts<'a> {
    record: &'a Record,
    machine: Machine,
    binaries: &'a Binaries,
    images: &'a Images,
    state: &'a Path,
    keys: &'a Keys,
}

impl Parts<'_> {
    /// containerd, the kubelet, which finds the API server when that is there, and meanwhile the images.
    fn start_node(&self) -> Result<()> {
        let addresses = self.record.addresses();
        containerd::start(self.machine, self.binaries, addresses, self.state, &self.images.pause)?;
        let mut kubelet = self.program("kubelet");
        let ca = self.keys.authority.certificate();
        let cgroup = network::namespace(&self.record.name);
        kubelet::arguments(
            &mut kubelet,
            &self.record.name,
            addresses,
            self.state,
            &self.keys.kubelet,
            &ca,
            &cgroup,
        )?;
        self.spawn("kubelet", kubelet)?;
        self.images
            .archives
            .iter()
            .try_for_each(|archive| containerd::load(self.machine, self.binaries, archive))
    }

    /// etcd and the API server together, which waits for etcd; the rest once that answers.
    fn start_control_plane(&self) -> Result<()> {
        let mut etcd = self.program("etcd");
        etcd::arguments(&mut etcd, &self.state.join("etcd"), ETCD_PORTS.0, ETCD_PORTS.1);
        self.spawn("etcd", etcd)?;

        let services = self.record.addresses().services();
        let endpoint = endpoint(self.record, &services);
        let mut server = self.program("kube-apiserver");
        apiserver::arguments(&mut server, &endpoint, &self.keys.server);
        let process = self.spawn("kube-apiserver", server)?;
        let log = self.state.join("log/kube-apiserver.log");
        apiserver::wait_ready(endpoint.address, &self.keys.authority.certificate(), process, &log)?;

        let mut manager = self.program("kube-controller-manager");
        let kubeconfig = self.state.join("manager.kubeconfig");
        controllers::manager(&mut manager, &kubeconfig, &self.keys.authority, &self.keys.server);
        self.spawn("kube-controller-manager", manager)?;
        let mut scheduler = self.program("kube-scheduler");
        controllers::scheduler(&mut scheduler, &self.state.join("scheduler.kubeconfig"));
        self.spawn("kube-scheduler", scheduler)?;
        let mut proxy = self.program("kube-proxy");
        let kubeconfig = self.state.join("proxy.kubeconfig");
        controllers::proxy(&mut proxy, &self.record.name, self.record.addresses(), self.state, &kubeconfig)?;
        self.spawn("kube-proxy", proxy)?;

        let manifests =
            addons::manifests(self.images, self.record.addresses(), self.state, &self.record.hosts);
        let mut apply = self.kubectl();
        run_with_input(apply.args(["apply", "--server-side", "--filename=-"]), &manifests).map(drop)
    }

    fn wait_usable(&self) -> Result<()> {
        let deployments = ["deployment/coredns", "deployment/local-path-provisioner"];
        let mut wait = self.kubectl();
        wait.args(["--namespace=kube-system", "wait", "--for=condition=Available", "--timeout=90s"])
            .args(deployments);
        run(&mut wait).map(drop).with_context(|| {
            let pods =
                run(self.kubectl().args(["--namespace=kube-system", "get", "pods,events", "--output=wide"]));
            format!("its own pods aren't ready:\n{}", pods.unwrap_or_default())
        })
    }

    fn program(&self, name: &str) -> Command {
        self.machine.enter(self.binaries.kubernetes(name))
    }

    fn kubectl(&self) -> Command {
        binaries::kubectl(&self.binaries.kubernetes(""), &self.state.join("kubeconfig"))
    }

    fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        spawn(command, &self.state.join(format!("log/{name}.log")))
            .with_context(|| format!("starting {name}"))
    }
}

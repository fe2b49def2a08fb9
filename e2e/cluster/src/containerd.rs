//! containerd: its configuration, its network, and loading images into it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::binaries::Binaries;
use crate::command::run;
use crate::machine::Machine;
use crate::network::Addresses;
use crate::process::{Process, spawn};
use crate::wait;

/// Inside the machine, whose /run is its own.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

/// Starts it and waits for its socket.
pub(crate) fn start(
    machine: Machine,
    binaries: &Binaries,
    addresses: Addresses,
    state: &Path,
    sandbox: &str,
) -> Result<Process> {
    fs::create_dir_all(state.join("cni")).context("making the network configuration's folder")?;
    let network = json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": true, "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni",
                "ranges": [[{"subnet": addresses.pods()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            }},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    fs::write(state.join("cni/10-pods.conflist"), network.to_string())
        .context("writing the network configuration")?;
    let configuration = state.join("containerd.toml");
    fs::write(&configuration, toml(state, sandbox))
        .with_context(|| format!("writing {}", configuration.display()))?;

    let mut command = machine.enter("env");
    command.arg(format!("PATH={}:/usr/sbin:/usr/bin:/sbin:/bin", binaries.containerd("").display()));
    command.arg(binaries.containerd("containerd")).arg("--config").arg(&configuration);
    let log = state.join("log/containerd.log");
    let process = spawn(command, &log)?;
    wait::until(&format!("containerd; its log is {}", log.display()), Duration::from_secs(30), || {
        anyhow::ensure!(process.is_alive(), "containerd ended; its log is {}", log.display());
        Ok(run(control(machine, binaries).arg("version")).ok())
    })?;
    Ok(process)
}

/// Loads an OCI archive.
pub(crate) fn load(machine: Machine, binaries: &Binaries, archive: &Path) -> Result<()> {
    run(control(machine, binaries).args(["--namespace=k8s.io", "images", "import"]).arg(archive))
        .map(drop)
        .with_context(|| format!("loading the image {}", archive.display()))
}

/// It reads this anew with each pull (hosts.toml of containerd's registry documentation).
pub(crate) fn pull_plainly_from(state: &Path, registry: SocketAddr) -> Result<()> {
    let folder = state.join("registries").join(registry.to_string());
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let hosts = format!("server = \"http://{registry}\"\n");
    fs::write(folder.join("hosts.toml"), hosts).context("writing hosts.toml")
}

/// containerd's command line, inside the machine.
pub(crate) fn control(machine: Machine, binaries: &Binaries) -> Command {
    let mut command = machine.enter(binaries.containerd("ctr"));
    command.arg(format!("--address={SOCKET}"));
    command
}

fn toml(state: &Path, sandbox: &str) -> String {
    let state = state.display();
    // The opt and nri plug-ins would make folders outside. Not every machine may lower its own OOM score.
    format!(
        r#"version = 3
root = "{state}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.nri.v1.nri"]
disable = true

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{state}/registries"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{sandbox}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{state}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"#
    )
}

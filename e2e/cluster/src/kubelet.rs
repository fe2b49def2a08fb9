//! kubelet: the node of a cluster.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::containerd::SOCKET;
use crate::network::{Addresses, HOST};
use crate::pki::Identity;

/// Writes its configuration and adds its arguments. `cgroup` is the cluster's own.
pub(crate) fn arguments(
    command: &mut Command,
    node: &str,
    addresses: Addresses,
    state: &Path,
    server: &Identity,
    ca: &Path,
    cgroup: &str,
) -> Result<()> {
    // Pods that don't use the cluster's DNS ask nobody: there is no outside.
    let resolver = state.join("resolv.conf");
    fs::write(&resolver, format!("nameserver {HOST}\n"))
        .with_context(|| format!("writing {}", resolver.display()))?;
    let configuration = state.join("kubelet.json");
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "failSwapOn": false,
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "clusterDNS": [addresses.dns()],
        "clusterDomain": "cluster.local",
        "resolvConf": resolver,
        "podLogsDir": state.join("pods"),
        "volumePluginDir": state.join("kubelet/volume-plugins"),
        "tlsCertFile": server.certificate,
        "tlsPrivateKeyFile": server.key,
        "authentication": {"x509": {"clientCAFile": ca}, "webhook": {"enabled": true}, "anonymous": {"enabled": false}},
        "authorization": {"mode": "Webhook"},
        // How full the machine's disk is, is none of a test's business.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        // Changed Secrets and ConfigMaps reach running pods in seconds, not in a minute and more.
        "syncFrequency": "5s",
    });
    fs::write(&configuration, config.to_string())
        .with_context(|| format!("writing {}", configuration.display()))?;
    command.arg(format!("--config={}", configuration.display()));
    command.arg(format!("--kubeconfig={}", state.join("kubelet.kubeconfig").display()));
    command.arg(format!("--root-dir={}", state.join("kubelet").display()));
    command.arg(format!("--cert-dir={}", state.join("kubelet/pki").display()));
    command.arg(format!("--hostname-override={node}")).arg(format!("--node-ip={}", addresses.node));
    Ok(())
}

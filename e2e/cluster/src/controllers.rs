//! kube-controller-manager, kube-scheduler and kube-proxy: what runs beside the API server once that is ready.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::apiserver::Credentials;
use crate::network::Addresses;
use crate::pki::Authority;

/// Adds the controller manager's arguments.
pub(crate) fn manager(
    command: &mut Command,
    kubeconfig: &Path,
    authority: &Authority,
    credentials: &Credentials,
) {
    let (ca, key) = (authority.certificate(), authority.key());
    command.arg(format!("--kubeconfig={}", kubeconfig.display()));
    command.arg(format!("--root-ca-file={}", ca.display()));
    command.arg(format!("--cluster-signing-cert-file={}", ca.display()));
    command.arg(format!("--cluster-signing-key-file={}", key.display()));
    command.arg(format!("--service-account-private-key-file={}", credentials.token_key().display()));
    command.args([
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--node-monitor-period=1s",
    ]);
    command.args(["--allocate-node-cidrs=false", "--bind-address=127.0.0.1"]);
    // At the ordinary rate of 20 requests a second its thirty controllers take five seconds to begin.
    command.args(["--kube-api-qps=500", "--kube-api-burst=500"]);
}

/// Adds the scheduler's arguments.
pub(crate) fn scheduler(command: &mut Command, kubeconfig: &Path) {
    command.arg(format!("--kubeconfig={}", kubeconfig.display()));
    command.args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
}

/// Writes kube-proxy's configuration and adds its arguments.
pub(crate) fn proxy(
    command: &mut Command,
    node: &str,
    addresses: Addresses,
    state: &Path,
    kubeconfig: &Path,
) -> Result<()> {
    let configuration = state.join("kube-proxy.json");
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": node,
        "clusterCIDR": addresses.pods(),
        "clientConnection": {"kubeconfig": kubeconfig},
        // The outer machine's connection table keeps its size.
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    fs::write(&configuration, config.to_string())
        .with_context(|| format!("writing {}", configuration.display()))?;
    command.arg(format!("--config={}", configuration.display()));
    Ok(())
}

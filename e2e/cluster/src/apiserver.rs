//! kube-apiserver: its certificates, its arguments, and when it is ready. The same for a whole cluster (cluster.rs) and
//! for a control plane alone (control_plane.rs).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::https::Client;
use crate::pki::{Authority, Identity};
use crate::process::Process;
use crate::wait;

/// Where it listens and what it serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    /// Address and port of the API.
    pub address: SocketAddr,
    /// Where other machines would reach it.
    pub(crate) advertised: IpAddr,
    /// etcd's client port, on loopback.
    pub etcd_port: u16,
    /// Service addresses.
    pub services: &'a str,
    /// The first of them: the API's own service.
    pub service: Ipv4Addr,
}

/// The files that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    server: Identity,
    admin: Identity,
    front: Identity,
    tokens: (PathBuf, PathBuf),
    ca: PathBuf,
}

impl Credentials {
    /// Issues them.
    pub(crate) fn issue(authority: &Authority, endpoint: &Endpoint) -> Result<Self> {
        let (address, service) = (endpoint.address.ip().to_string(), endpoint.service.to_string());
        let names = [
            &address,
            "127.0.0.1",
            &service,
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
        ];
        Ok(Self {
            server: authority.issue("apiserver", "kube-apiserver", None, &names)?,
            admin: authority.issue("admin", "admin", Some("system:masters"), &[])?,
            front: authority.issue("front-proxy", "front-proxy-client", None, &[])?,
            tokens: authority.key_pair("tokens")?,
            ca: authority.certificate(),
        })
    }

    /// May do everything.
    pub(crate) fn admin(&self) -> &Identity {
        &self.admin
    }

    /// The key that signs service account tokens.
    pub(crate) fn token_key(&self) -> &Path {
        &self.tokens.0
    }
}

/// Adds the arguments.
pub(crate) fn arguments(command: &mut Command, endpoint: &Endpoint, credentials: &Credentials) {
    let (private, public) = &credentials.tokens;
    let files = [
        ("tls-cert-file", &credentials.server.certificate),
        ("tls-private-key-file", &credentials.server.key),
        ("client-ca-file", &credentials.ca),
        ("kubelet-client-certificate", &credentials.admin.certificate),
        ("kubelet-client-key", &credentials.admin.key),
        ("kubelet-certificate-authority", &credentials.ca),
        ("service-account-key-file", public),
        ("service-account-signing-key-file", private),
        ("requestheader-client-ca-file", &credentials.ca),
        ("proxy-client-cert-file", &credentials.front.certificate),
        ("proxy-client-key-file", &credentials.front.key),
    ];
    command.args(files.map(|(flag, path)| format!("--{flag}={}", path.display())));
    command.args([
        format!("--etcd-servers=http://127.0.0.1:{}", endpoint.etcd_port),
        format!("--bind-address={}", endpoint.address.ip()),
        format!("--advertise-address={}", endpoint.advertised),
        format!("--secure-port={}", endpoint.address.port()),
        format!("--service-cluster-ip-range={}", endpoint.services),
    ]);
    command.args([
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        // Or `kubectl logs` and `exec` would look the node's name up in DNS.
        "--kubelet-preferred-address-types=InternalIP",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]);
}

/// Waits until it says so itself, or until its process ends.
pub(crate) fn wait_ready(address: SocketAddr, ca: &Path, process: Process, log: &Path) -> Result<()> {
    let client = Client::trusting(ca)?;
    wait::until(
        &format!("the API server to be ready; its log is {}", log.display()),
        Duration::from_secs(90),
        || {
            anyhow::ensure!(process.is_alive(), "the API server ended; its log is {}", log.display());
            Ok(is_ready(&client, address).then_some(()))
        },
    )
}

/// Whether it is ready now.
pub(crate) fn is_ready(client: &Client, address: SocketAddr) -> bool {
    client.get(address, &address.ip().to_string(), "/readyz").is_ok_and(|(status, _)| status == 200)
}

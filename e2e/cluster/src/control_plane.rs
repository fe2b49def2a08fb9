//! Only etcd and an API server, on loopback and without any privileges, for tests of the API: CRDs, CEL, server-side
//! apply, admission, RBAC. Ends with the test process, however that ends.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::apiserver::{self, Credentials, Endpoint};
use crate::command::run_with_input;
use crate::leash::Leash;
use crate::network::HOST;
use crate::pki::Authority;
use crate::process::{Process, spawn};
use crate::{binaries, etcd, kubeconfig, paths, prerequisites};

mod faults;

pub use faults::EtcdCopy;

/// A running control plane; dropping it ends it. May be kept in a `static` for all tests of a file.
#[derive(Debug)]
pub struct ControlPlane {
    folder: PathBuf,
    kubernetes: PathBuf,
    address: SocketAddr,
    etcd_ports: [u16; 2],
    authority: PathBuf,
    credentials: Credentials,
    arguments: Vec<String>,
    etcd: Option<Process>,
    server: Option<Process>,
    leash: Leash,
}

impl ControlPlane {
    /// Starts one and waits until it is ready, 3 to 5 seconds.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same, with more arguments for the API server, such as `--feature-gates=...`.
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        prerequisites::go()?;
        let kubernetes = binaries::kubernetes()?;
        let folder = new_folder()?;
        let leash = Leash::new(&folder)?;
        let [api_port, etcd_port, peer_port] = free_ports()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, api_port));
        let authority = Authority::new(&folder.join("pki"), "kubernetes")?;
        let credentials = Credentials::issue(&authority, &endpoint(address, etcd_port))?;
        kubeconfig::write(
            &folder.join("kubeconfig"),
            "control-plane",
            address,
            &authority,
            credentials.admin(),
        )?;
        let mut plane = Self {
            folder,
            kubernetes,
            address,
            etcd_ports: [etcd_port, peer_port],
            authority: authority.certificate(),
            credentials,
            arguments: arguments.iter().copied().map(str::to_owned).collect(),
            etcd: None,
            server: None,
            leash,
        };
        plane.start_etcd()?;
        plane.start_api_server()?;
        Ok(plane)
    }

    fn start_etcd(&mut self) -> Result<()> {
        let [client, peer] = self.etcd_ports;
        let mut etcd = Command::new(self.kubernetes.join("etcd"));
        etcd::arguments(&mut etcd, &self.etcd_data(), client, peer);
        let etcd = spawn(etcd, &self.folder.join("etcd.log"))?;
        self.leash.tie(etcd)?;
        self.etcd = Some(etcd);
        Ok(())
    }

    fn start_api_server(&mut self) -> Result<()> {
        let mut server = Command::new(self.kubernetes.join("kube-apiserver"));
        apiserver::arguments(&mut server, &endpoint(self.address, self.etcd_ports[0]), &self.credentials);
        // Nothing here makes the service accounts that pods would need; nothing runs them either.
        server.arg("--disable-admission-plugins=ServiceAccount");
        // An address on loopback can't be made the endpoint of a service.
        server.arg("--endpoint-reconciler-type=none").args(&self.arguments);
        let log = self.folder.join("kube-apiserver.log");
        let server = spawn(server, &log)?;
        self.leash.tie(server)?;
        self.server = Some(server);
        apiserver::wait_ready(self.address, &self.authority, server, &log).with_context(|| tail(&log))
    }

    fn etcd_data(&self) -> PathBuf {
        self.folder.join("etcd")
    }

    /// An administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// kubectl for it, waiting for arguments.
    pub fn kubectl(&self) -> Command {
        binaries::kubectl(&self.kubernetes, &self.kubeconfig())
    }

    /// Applies manifests, server-side.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let mut kubectl = self.kubectl();
        run_with_input(kubectl.args(["apply", "--server-side", "--filename=-"]), manifests).map(drop)
    }
}

fn endpoint(address: SocketAddr, etcd_port: u16) -> Endpoint<'static> {
    Endpoint {
        address,
        advertised: HOST.into(),
        etcd_port,
        services: "10.252.0.0/24",
        service: Ipv4Addr::new(10, 252, 0, 1),
    }
}

/// A folder that tells by its name who owns it. What dead owners left is removed: their leash does that already,
/// unless it was killed as well.
fn new_folder() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let all = paths::cache()?.join("control-planes");
    for folder in fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().and_then(|id| id.parse().ok());
        if owner.is_none_or(|id| Process::of(id).is_err()) {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
    let folder = all.join(format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// Ports that are free now, all different because they are held at the same time.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port");
    let listeners = (0..N).map(bind).collect::<Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("looking for a free port")?.port();
    }
    Ok(ports)
}

/// The end of a log, because its folder goes away with us.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

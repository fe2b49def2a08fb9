//! The cluster that a story is played on: one of our own on this machine, or somebody's, known by its kubeconfig alone.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use wickr_cluster::{Cluster, helm_program, kubectl_program};

/// A cluster that is there already. As arguments of a program, or from the environment for tests.
#[derive(Args, Clone, Debug)]
pub struct Existing {
    /// An administrator's kubeconfig of a cluster that is there already; its current context counts.
    #[arg(long, requires = "registry")]
    kubeconfig: Option<PathBuf>,
    /// Where that cluster pulls images from and this machine pushes them to: HOST[:PORT][/PATH], with http:// before it
    /// for one without TLS. `skopeo login` or `docker login` before, if it asks who one is.
    #[arg(long, requires = "kubeconfig")]
    registry: Option<String>,
}

/// Which cluster.
#[derive(Clone, Debug)]
pub enum Ground {
    /// Ours: its node is this machine, and whatever happens there can be seen and done.
    Own(Box<Cluster>),
    /// Somebody's: reached by its API, its registry and its nodes' ports.
    Given(Given),
}

/// Somebody's cluster.
#[derive(Clone, Debug)]
pub struct Given {
    kubeconfig: PathBuf,
    registry: Registry,
    kubectl: PathBuf,
    helm: PathBuf,
    node: IpAddr,
}

/// Where images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// What images' names begin with.
    pub prefix: String,
    /// Whether it is spoken to without TLS.
    pub plain: bool,
}

impl Existing {
    /// As a test finds it: `WICKR_KUBECONFIG` and `WICKR_REGISTRY`.
    pub fn from_environment() -> Self {
        let [kubeconfig, registry] = ["WICKR_KUBECONFIG", "WICKR_REGISTRY"].map(std::env::var_os);
        Self {
            kubeconfig: kubeconfig.map(PathBuf::from),
            registry: registry.map(|registry| registry.to_string_lossy().into_owned()),
        }
    }

    /// As a test makes it.
    pub fn new(kubeconfig: PathBuf, registry: String) -> Self {
        Self { kubeconfig: Some(kubeconfig), registry: Some(registry) }
    }

    /// The cluster; `None` where nobody named one.
    pub fn ground(&self) -> Result<Option<Given>> {
        let (kubeconfig, registry) = match (&self.kubeconfig, &self.registry) {
            (Some(kubeconfig), Some(registry)) => (kubeconfig, registry),
            (None, None) => return Ok(None),
            _ => bail!(
                "a cluster that is there already needs both: its kubeconfig and a registry that it pulls from"
            ),
        };
        let kubeconfig = std::path::absolute(kubeconfig).context("finding the kubeconfig")?;
        let (kubectl, helm) = (kubectl_program()?, helm_program()?);
        let node = node(with(&kubectl, &kubeconfig))
            .with_context(|| format!("asking the cluster of {} for a node", kubeconfig.display()))?;
        Ok(Some(Given { kubeconfig, registry: Registry::parse(registry), kubectl, helm, node }))
    }
}

impl Registry {
    fn parse(text: &str) -> Self {
        let (plain, rest) = match text.strip_prefix("http://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("https://").unwrap_or(text)),
        };
        Self { prefix: rest.trim_end_matches('/').to_owned(), plain }
    }
}

impl Given {
    /// Where its images come from.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The address of this machine that the cluster's nodes find it at.
    pub fn this_machine(&self) -> Result<IpAddr> {
        let any: IpAddr = if self.node.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        // Nothing is sent: the system says which address it would send from.
        let socket = UdpSocket::bind((any, 0)).context("making a socket")?;
        socket.connect((self.node, 9)).with_context(|| format!("looking for the way to {}", self.node))?;
        Ok(socket.local_addr().context("asking a socket for its address")?.ip())
    }
}

impl Ground {
    /// Ours, for what needs the node itself.
    pub fn own(&self) -> Result<&Cluster> {
        match self {
            Self::Own(cluster) => Ok(cluster),
            Self::Given(_) => bail!("this needs the node itself: it is played on a cluster of our own only"),
        }
    }

    /// What it is called among the clusters of this machine.
    pub fn name(&self) -> &str {
        match self {
            Self::Own(cluster) => cluster.name(),
            Self::Given(_) => "existing",
        }
    }

    /// Its administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        match self {
            Self::Own(cluster) => cluster.kubeconfig(),
            Self::Given(given) => given.kubeconfig.clone(),
        }
    }

    /// kubectl for it, waiting for arguments.
    pub fn kubectl(&self) -> Command {
        match self {
            Self::Own(cluster) => cluster.kubectl(),
            Self::Given(given) => with(&given.kubectl, &given.kubeconfig),
        }
    }

    /// Helm for it, waiting for arguments.
    pub fn helm(&self) -> Command {
        match self {
            Self::Own(cluster) => cluster.helm(),
            Self::Given(given) => with(&given.helm, &given.kubeconfig),
        }
    }

    /// An address at which its node ports are reached.
    pub fn node(&self) -> IpAddr {
        match self {
            Self::Own(cluster) => cluster.node_ip().into(),
            Self::Given(given) => given.node,
        }
    }

    /// A port of that node.
    pub fn at(&self, port: u16) -> SocketAddr {
        (self.node(), port).into()
    }
}

fn with(program: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("KUBECONFIG", kubeconfig);
    command
}

/// The address of the first node that is ready.
fn node(mut kubectl: Command) -> Result<IpAddr> {
    let output = kubectl.args(["get", "nodes", "-o", "json"]).output().context("starting kubectl")?;
    if !output.status.success() {
        bail!("kubectl get nodes: {}", String::from_utf8_lossy(&output.stderr));
    }
    first_ready(&serde_json::from_slice(&output.stdout).context("reading the list of nodes")?)
        .context("no node is ready and has an address")
}

fn first_ready(nodes: &Value) -> Option<IpAddr> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_ready = |node: &Value| {
        let conditions = list(&node["status"]["conditions"]);
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    list(&nodes["items"]).iter().filter(|node| is_ready(node)).find_map(|node| {
        let addresses = list(&node["status"]["addresses"]);
        let internal = addresses.iter().find(|address| address["type"] == "InternalIP")?;
        internal["address"].as_str()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_registry_is_spoken_to_with_tls_unless_it_is_named_by_http() {
        let parsed = |text| {
            let Registry { prefix, plain } = Registry::parse(text);
            (prefix, plain)
        };
        assert_eq!(parsed("registry.example/team/"), ("registry.example/team".to_owned(), false));
        assert_eq!(parsed("https://registry.example"), ("registry.example".to_owned(), false));
        assert_eq!(parsed("http://10.0.0.1:5000"), ("10.0.0.1:5000".to_owned(), true));
    }

    #[test]
    fn the_first_ready_node_is_asked_for_its_inner_address() {
        let node = |ready: &str, kind: &str, address: &str| {
            json!({"status": {"conditions": [{"type": "Ready", "status": ready}],
                "addresses": [{"type": "Hostname", "address": "n"}, {"type": kind, "address": address}]}})
        };
        let nodes = json!({"items": [node("False", "InternalIP", "10.0.0.1"), node("True", "ExternalIP", "1.2.3.4"),
            node("True", "InternalIP", "10.0.0.3")]});
        assert_eq!(first_ready(&nodes), Some([10, 0, 0, 3].into()));
        assert_eq!(first_ready(&json!({"items": []})), None);
    }
}

//! Everything that the demo and the level 4 tests stand on: a cluster, our images, the operator, an identity provider.
//! Each step does nothing where its result is already there.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::runtime::Runtime;
use wickr_cluster::progress::{say, step};
use wickr_cluster::{Cluster, HOST, Keycloak, Options, Service, prerequisites};

use crate::browser::Browser;
use crate::device::{Device, Entrance};
use crate::kubernetes::{Condition, Kubernetes, Place};
use crate::people::Person;
use crate::programs::{Built, Programs};
use crate::samples::repository;

/// The network of `manifests/demo`.
pub const NETWORK: Place<'static> = Place { namespace: "hq", kind: "wickrnetwork", name: "hq" };
/// Its identity provider.
pub const PROVIDER: Place<'static> = Place { namespace: "hq", kind: "identityprovider", name: "hq-idp" };
/// The name that clients use.
pub const HOSTNAME: &str = "chat.hq.example";
/// The relay's node port.
pub const RELAY_PORT: u16 = 30443;
/// The sign-in service's node port.
pub const SSO_PORT: u16 = 30444;
/// Where the operator runs.
pub const SYSTEM: &str = "wickr-system";

const PROVIDER_HOST: &str = "sso.hq.example";
const PROVIDER_PORT: u16 = 8443;
const READY_WITHIN: Duration = Duration::from_mins(2);

/// What stands, and how to reach it.
pub struct Suite {
    /// The cluster by kubectl.
    pub kubernetes: Kubernetes,
    /// The identity provider.
    pub keycloak: Keycloak,
    /// Our programs.
    pub programs: Programs,
    /// Where people's profiles and copies of volumes are kept.
    pub home: PathBuf,
    /// For the browser and the tap.
    pub runtime: Runtime,
}

impl Suite {
    /// Brings everything up to the operator and the provider, in the cluster `name`.
    pub fn up(name: &str) -> Result<Self> {
        // Not after a build of half an hour.
        step("what this machine must have", || {
            prerequisites::cluster().and_then(|()| prerequisites::java())
        })?;
        let programs = step(
            "our programs, release build (minutes the first time: all dependencies are compiled once)",
            Programs::build,
        )?;
        let images = step("images of operator and services", || programs.images())?;
        let hosts = [(PROVIDER_HOST.to_owned(), HOST)].into();
        let (keycloak, cluster) = std::thread::scope(|scope| {
            let keycloak =
                scope.spawn(|| step("Keycloak at sso.hq.example (downloaded and built once)", keycloak));
            let cluster = step(&format!("cluster {name}"), || {
                Cluster::up(name, &Options { hosts, ..Options::default() })
            });
            (keycloak.join().map_err(|_| anyhow::anyhow!("starting Keycloak panicked")), cluster)
        });
        let (keycloak, cluster) = (keycloak??, cluster?);
        step("images into the cluster", || {
            images.iter().try_for_each(|image| cluster.load_image(&image.archive))
        })?;
        let kubernetes = Kubernetes::new(&cluster);
        step("operator, by Helm", || install(&kubernetes, &images))?;
        let home = home(name);
        fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("starting the runtime")?;
        Ok(Self { kubernetes, keycloak, programs, home, runtime })
    }

    /// Plays on a cluster of its own and takes it down, whatever comes of it. With `WICKR_KEEP` in the environment all
    /// is left as it is, to look at.
    pub fn play(name: &str, play: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let suite = Self::up(name)?;
        let taken_down = TakenDown(name);
        let outcome = play(&suite);
        if std::env::var_os("WICKR_KEEP").is_some() {
            std::mem::forget(taken_down);
        }
        outcome
    }

    /// Removes cluster and profiles, and the provider with the last cluster.
    pub fn down(name: &str) -> Result<()> {
        Cluster::down(name)?;
        if Cluster::list()?.is_empty() {
            Service::down(PROVIDER_HOST)?;
        }
        let home = home(name);
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
        }
        Ok(())
    }

    /// Applies `manifests/demo` with the Secret and the CA that the provider's resource names.
    pub fn apply_demo(&self) -> Result<()> {
        let folder = repository().join("manifests/demo");
        self.kubernetes.apply_path(&folder.join("namespace.yaml"))?;
        let namespace = NETWORK.namespace;
        let (secret, ca) = (self.client_secret(namespace), self.provider_ca(namespace)?);
        self.kubernetes.apply(&format!("{secret}\n---\n{ca}"))?;
        for file in ["network.yaml", "identity-provider.yaml"] {
            self.kubernetes.apply_path(&folder.join(file))?;
        }
        Ok(())
    }

    /// Waits until the network is Ready.
    pub fn until_ready(&self) -> Result<()> {
        self.kubernetes.wait(&NETWORK, "Ready", READY_WITHIN, Condition::is_true).map(drop)
    }

    /// What a person gives to `wickr login`.
    pub fn join(&self) -> Result<String> {
        let network = self
            .kubernetes
            .get(NETWORK.namespace, NETWORK.kind, NETWORK.name)?
            .context("the network is gone")?;
        network["status"]["join"].as_str().map(str::to_owned).context("status.join is empty")
    }

    /// A person who reaches the network at its node.
    pub fn person(&self, name: &str) -> Person {
        let mut person = Person::new(name, &self.programs.path("wickr"), &self.home);
        person.finds(HOSTNAME, IpAddr::V4(self.kubernetes.cluster().node_ip()));
        person
    }

    /// Signs a person in: starts `wickr login` and finishes it at the provider's pages.
    pub fn sign_in(&self, person: &Person) -> Result<()> {
        let waiting = person.login(&self.join()?)?;
        let browser = self.browser()?;
        let password = format!("{}-demo-password", person.name);
        self.runtime
            .block_on(browser.sign_in(&waiting.url, &person.name, &password))
            .with_context(|| format!("{} at the identity provider", person.name))?;
        waiting.finish().map(drop)
    }

    /// SIGKILLs the relay. With a new pod at once, because kubelet lets a container that ends again and again wait for
    /// minutes; otherwise it starts the container anew.
    pub fn kill_the_relay(&self, new_pod: bool) -> Result<()> {
        let pod = "hq-relay-0";
        let killed = self.kubernetes.kill(NETWORK.namespace, pod, "wickr-server")?;
        ensure!(killed == 1, "{killed} relays were killed");
        if new_pod {
            let delete = ["delete", "pod", pod, "--force", "--grace-period=0", "--wait=false"];
            self.kubernetes.run(&[&["-n", NETWORK.namespace], &delete[..]].concat())?;
        }
        Ok(())
    }

    /// A new device of a person, by the client library in this process, signed in at the provider's pages and connected.
    pub async fn device(&self, person: &str, device: &str) -> Result<Device> {
        let entrance = Entrance {
            join: &self.join()?,
            host: (HOSTNAME, IpAddr::V4(self.kubernetes.cluster().node_ip())),
            browser: self.browser()?,
        };
        Device::sign_in(person, device, &self.home, entrance).await
    }

    fn browser(&self) -> Result<Browser> {
        let ca = fs::read(self.keycloak.ca()).context("reading the provider's CA")?;
        Browser::new(&ca, PROVIDER_HOST, self.keycloak.address())
    }

    /// Where a service listens for clients.
    pub fn public(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.kubernetes.cluster().node_ip(), port))
    }

    /// What /etc/hosts needs for a browser on this machine.
    pub fn hosts_line(&self) -> String {
        format!("{} {PROVIDER_HOST}", self.keycloak.address().ip())
    }

    /// The folder on this machine behind a claim of the network.
    pub fn volume(&self, claim: &str) -> Result<PathBuf> {
        let claim = self
            .kubernetes
            .get(NETWORK.namespace, "pvc", claim)?
            .with_context(|| format!("there is no claim {claim}"))?;
        let volume = claim["spec"]["volumeName"].as_str().context("the claim has no volume")?;
        let volume = self.kubernetes.get("default", "pv", volume)?.context("there is no such volume")?;
        let path = ["hostPath", "local"].iter().find_map(|kind| volume["spec"][kind]["path"].as_str());
        path.map(PathBuf::from).context("the volume is not a folder of this machine")
    }

    /// The Secret with the client's secret, as manifests name it.
    pub fn client_secret(&self, namespace: &str) -> String {
        let data = json!({"secret": CLIENT_SECRET});
        let metadata = json!({"name": "idp", "namespace": namespace});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}).to_string()
    }

    /// The ConfigMap with the provider's CA, as manifests name it.
    pub fn provider_ca(&self, namespace: &str) -> Result<String> {
        let ca = fs::read_to_string(self.keycloak.ca()).context("reading the provider's CA")?;
        let metadata = json!({"name": "idp-ca", "namespace": namespace});
        let data = json!({"ca.crt": ca});
        Ok(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).to_string())
    }
}

/// Takes its cluster down when dropped, also when a test panics.
struct TakenDown<'a>(&'a str);

impl Drop for TakenDown<'_> {
    fn drop(&mut self) {
        if let Err(error) = Suite::down(self.0) {
            say(&format!("{} can't be removed: {error:#}", self.0));
        }
    }
}

/// As the realm has it.
const CLIENT_SECRET: &str = "demo-secret-of-the-wickr-client";

fn keycloak() -> Result<Keycloak> {
    Keycloak::up(PROVIDER_HOST, PROVIDER_PORT, &repository().join("manifests/demo/keycloak/realm.json"))
}

fn install(kubernetes: &Kubernetes, images: &[Built]) -> Result<()> {
    let chart = repository().join("charts/wickr-operator");
    let output = kubernetes
        .cluster()
        .helm()
        .args(["upgrade", "--install", "wickr-operator"])
        .arg(chart)
        .args(images.iter().flat_map(|image| {
            let value = image.program.trim_start_matches("wickr-");
            ["--set".to_owned(), format!("image.{value}={}", image.name)]
        }))
        .args(["--namespace", SYSTEM, "--create-namespace", "--wait", "--timeout", "90s"])
        .output()
        .context("starting helm")?;
    if !output.status.success() {
        anyhow::bail!("helm: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Below the build folder, which nobody commits.
fn home(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    Path::new(&target).join("people").join(name)
}

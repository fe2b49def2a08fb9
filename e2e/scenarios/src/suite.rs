//! Everything that the demo and the level 4 tests stand on: a cluster, our images, the operator, an identity provider.
//! Each step does nothing where its result is already there.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::runtime::Runtime;
use wickr_cluster::progress::{say, step};
use wickr_cluster::{Cluster, HOST, Keycloak, Options, Service, prerequisites};

use crate::browser::Browser;
use crate::device::{Device, Entrance};
use crate::ground::{Given, Ground};
use crate::kubernetes::{Condition, Kubernetes, Place};
use crate::people::Person;
use crate::programs::{Built, NO_REGISTRY, Programs};
use crate::samples::repository;
use crate::search;

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
/// On namespaces of somebody's cluster that the demo made, and so may remove.
const DEMO: &str = "wickr.dev/demo";

/// What stands, and how to reach it.
pub struct Suite {
    /// The cluster by kubectl.
    pub kubernetes: Kubernetes,
    /// The identity provider.
    pub keycloak: Keycloak,
    /// The name that everybody knows it by.
    provider: String,
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
        let images = step("images of operator and services", || programs.images(NO_REGISTRY))?;
        let hosts = [(PROVIDER_HOST.to_owned(), HOST)].into();
        let (keycloak, cluster) = thread::scope(|scope| {
            let keycloak = scope.spawn(|| keycloak(PROVIDER_HOST, HOST.into()));
            let cluster = step(&format!("cluster {name}"), || {
                Cluster::up(name, &Options { hosts, ..Options::default() })
            });
            (keycloak.join().map_err(|_| anyhow::anyhow!("starting Keycloak panicked")), cluster)
        });
        let (keycloak, cluster) = (keycloak??, cluster?);
        step("images into the cluster", || {
            images.iter().try_for_each(|image| cluster.load_image(&image.archive))
        })?;
        let ground = Ground::Own(Box::new(cluster));
        Self::with(ground, keycloak, PROVIDER_HOST.to_owned(), programs, &images)
    }

    /// The same on somebody's cluster. Its DNS isn't ours to change, so the provider goes by its address.
    pub fn up_on(given: &Given) -> Result<Self> {
        step("what this machine must have", || prerequisites::skopeo().and_then(|()| prerequisites::java()))?;
        let ground = Ground::Given(given.clone());
        refuse_what_is_not_ours(&Kubernetes::new(ground.clone()))?;
        let programs = step("our programs, release build", Programs::build)?;
        let registry = given.registry();
        let images = step("images of operator and services", || programs.images(&registry.prefix))?;
        step(&format!("images pushed to {}", registry.prefix), || {
            images.iter().try_for_each(|image| image.push(registry))
        })?;
        let here = given.this_machine()?;
        let keycloak = keycloak(&here.to_string(), here)?;
        Self::with(ground, keycloak, here.to_string(), programs, &images)
    }

    fn with(
        ground: Ground,
        keycloak: Keycloak,
        provider: String,
        programs: Programs,
        images: &[Built],
    ) -> Result<Self> {
        let home = home(ground.name());
        let kubernetes = Kubernetes::new(ground);
        step("operator, by Helm", || install(&kubernetes, images))?;
        fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("starting the runtime")?;
        Ok(Self { kubernetes, keycloak, provider, programs, home, runtime })
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

    /// Removes from somebody's cluster what [`Self::up_on`] brought there, but for the definitions, which stay as they
    /// do after every uninstallation; and the provider and the profiles from this machine.
    pub fn down_from(given: &Given) -> Result<()> {
        let here = given.this_machine()?.to_string();
        let ground = Ground::Given(given.clone());
        let (home, kubernetes) = (home(ground.name()), Kubernetes::new(ground));
        refuse_what_is_not_ours(&kubernetes)?;
        for namespace in [NETWORK.namespace, SYSTEM] {
            if namespace == SYSTEM && kubernetes.get("default", "namespace", SYSTEM)?.is_some() {
                let uninstall =
                    ["uninstall", "wickr-operator", "--namespace", SYSTEM, "--wait", "--ignore-not-found"];
                helm(&kubernetes, &uninstall)?;
            }
            kubernetes.run(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s"])?;
        }
        Service::down(&here)?;
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
        }
        Ok(())
    }

    /// Applies `manifests/demo` with the Secret and the CA that the provider's resource names.
    pub fn apply_demo(&self) -> Result<()> {
        let read = |file: &str| {
            let path = repository().join("manifests/demo").join(file);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let namespace = NETWORK.namespace;
        self.kubernetes.apply(&read("namespace.yaml")?)?;
        mark(&self.kubernetes, namespace)?;
        // One by one: not every kubectl takes several JSON objects at once.
        for object in [self.client_secret(namespace), self.provider_ca(namespace)?] {
            self.kubernetes.apply(&object)?;
        }
        self.kubernetes.apply(&read("network.yaml")?)?;
        let provider = read("identity-provider.yaml")?
            .replace(PROVIDER_HOST, &self.provider)
            .replace("10.250.0.1/32", &format!("{}/32", self.keycloak.address().ip()));
        self.kubernetes.apply(&provider).map(drop)
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
        person.finds(HOSTNAME, self.kubernetes.ground().node());
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
    /// minutes; otherwise it starts the container anew. On somebody's cluster the pod is deleted without grace.
    pub fn kill_the_relay(&self, new_pod: bool) -> Result<()> {
        let pod = "hq-relay-0";
        if self.kubernetes.ground().own().is_ok() {
            let killed = self.kubernetes.kill(NETWORK.namespace, pod, "wickr-server")?;
            ensure!(killed == 1, "{killed} relays were killed");
        }
        if new_pod {
            let delete = ["delete", "pod", pod, "--force", "--grace-period=0", "--wait=false"];
            self.kubernetes.run(&[&["-n", NETWORK.namespace], &delete[..]].concat())?;
        }
        Ok(())
    }

    /// `helm upgrade` of the operator with these values changed, all others as they are.
    pub fn upgrade(&self, values: &[&str]) -> Result<()> {
        let changed: Vec<String> =
            values.iter().flat_map(|value| ["--set-json".to_owned(), (*value).to_owned()]).collect();
        helm_upgrade(&self.kubernetes, &[&["--reuse-values".to_owned()], &changed[..]].concat())
    }

    /// A new device of a person, by the client library in this process, signed in at the provider's pages and connected.
    pub async fn device(&self, person: &str, device: &str) -> Result<Device> {
        let entrance = Entrance {
            join: &self.join()?,
            host: (HOSTNAME, self.kubernetes.ground().node()),
            browser: self.browser()?,
        };
        Device::sign_in(person, device, &self.home, entrance).await
    }

    fn browser(&self) -> Result<Browser> {
        let ca = fs::read(self.keycloak.ca()).context("reading the provider's CA")?;
        Browser::new(&ca, &self.provider, self.keycloak.address())
    }

    /// Where a service listens for clients.
    pub fn public(&self, port: u16) -> SocketAddr {
        self.kubernetes.ground().at(port)
    }

    /// What /etc/hosts needs for a browser on this machine; nothing for a provider that goes by its address.
    pub fn hosts_line(&self) -> Option<String> {
        let address = self.keycloak.address().ip();
        (self.provider == PROVIDER_HOST).then(|| format!("{address} {PROVIDER_HOST}"))
    }

    /// Everything that the relay keeps: the files of its volume, or, where those aren't to be had, a backup of them.
    pub fn what_the_relay_keeps(&self) -> Result<Vec<u8>> {
        match self.kubernetes.ground() {
            Ground::Own(_) => search::everything_below(&self.volume("hq-relay-data")?),
            Ground::Given(_) => {
                let backup =
                    ["wickr-server", "backup", "--config", "/etc/wickr/config/config.yaml", "--to", "-"];
                self.kubernetes
                    .bytes(&[&["exec", "-n", NETWORK.namespace, "hq-relay-0", "--"], &backup[..]].concat())
            }
        }
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

fn keycloak(name: &str, at: IpAddr) -> Result<Keycloak> {
    let realm = repository().join("manifests/demo/keycloak/realm.json");
    step(&format!("Keycloak at {name} (downloaded and built once)"), || {
        Keycloak::up_at(name, (at, PROVIDER_PORT).into(), &realm)
    })
}

/// On somebody's cluster: an operator or a network of theirs must not become the demo's.
fn refuse_what_is_not_ours(kubernetes: &Kubernetes) -> Result<()> {
    for namespace in [SYSTEM, NETWORK.namespace] {
        let found = kubernetes.get("default", "namespace", namespace)?;
        if found.is_some_and(|found| found["metadata"]["labels"][DEMO].is_null()) {
            bail!(
                "the cluster has a namespace {namespace} already, and not from here: the demo would change what is in \
                 it. Next: take another cluster, or remove that namespace"
            );
        }
    }
    Ok(())
}

/// Writes down on somebody's cluster that a namespace is the demo's.
fn mark(kubernetes: &Kubernetes, namespace: &str) -> Result<()> {
    match kubernetes.ground() {
        Ground::Own(_) => Ok(()),
        Ground::Given(_) => kubernetes
            .run(&["label", "namespace", namespace, &format!("{DEMO}=yes"), "--overwrite"])
            .map(drop),
    }
}

fn install(kubernetes: &Kubernetes, images: &[Built]) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}});
    kubernetes.apply(&namespace.to_string())?;
    mark(kubernetes, SYSTEM)?;
    let images: Vec<String> = images
        .iter()
        .map(|image| format!("--set=image.{}={}", image.program.trim_start_matches("wickr-"), image.name))
        .collect();
    helm_upgrade(kubernetes, &images)
}

fn helm_upgrade(kubernetes: &Kubernetes, values: &[String]) -> Result<()> {
    let chart = repository().join("charts/wickr-operator").display().to_string();
    let upgrade =
        ["upgrade", "--install", "wickr-operator", &chart, "--namespace", SYSTEM, "--wait", "--timeout=90s"];
    helm(kubernetes, &upgrade.into_iter().chain(values.iter().map(String::as_str)).collect::<Vec<_>>())
}

fn helm(kubernetes: &Kubernetes, arguments: &[&str]) -> Result<()> {
    let output = kubernetes.ground().helm().args(arguments).output().context("starting helm")?;
    if !output.status.success() {
        bail!("helm {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Below the build folder, which nobody commits.
fn home(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    Path::new(&target).join("people").join(name)
}

//! A network with its services on ports of this machine, and people's devices.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wickr_base::{Handle, MessageId, RoomId, SystemClock, SystemRng, UnixMillis};
use wickr_policy::{JoinUrl, NetworkDocument};
use wickr_relay::{RelayLimits, RelaySection};
use wickr_sdk::profile::{Profile, UnlockWith};
use wickr_sdk::{Client, Delivery, Environment, Prompt, SignIn, Spread, Timings, Way, sign_in};
use wickr_service::testing::TestNetwork;
use wickr_service::{Addresses, Config, KeyFiles, Shutdown};
use wickr_sso::{DoorLimits, SsoSection};
use wickr_store_sql::SqliteDirectory;
use wickr_telemetry::Metrics;

use crate::provider::Provider;

/// The network, its services and its identity provider.
pub struct World {
    pub(crate) network: TestNetwork,
    provider: Provider,
    /// What the relay goes by from its next start on.
    pub relay_limits: RelayLimits,
    folder: TempDir,
    ports: Ports,
    pub(crate) sso: Option<Service>,
    pub(crate) relay: Option<Service>,
}

#[derive(Clone, Copy)]
struct Ports {
    relay: u16,
    sso: u16,
    sso_admin: u16,
}

pub(crate) struct Service {
    shutdown: Shutdown,
    running: JoinHandle<()>,
    pub(crate) addresses: Addresses,
}

/// A person's device with its profile on disk.
pub struct Phone {
    profile: Profile,
    environment: Environment,
    client: Option<Client>,
}

impl World {
    /// Starts everything, with the provider in service.
    pub async fn start() -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let network = TestNetwork::new("hq.example", Arc::new(SystemClock::new()));
        let ports = Ports { relay: free_port(), sso: free_port(), sso_admin: free_port() };
        let mut world = Self {
            network,
            provider: Provider::start().await,
            relay_limits: RelayLimits::default(),
            folder: tempfile::tempdir().unwrap(),
            ports,
            sso: None,
            relay: None,
        };
        world.start_sso().await;
        world.rehearse().await;
        world.start_relay().await;
        world
    }

    fn document(&self) -> NetworkDocument {
        self.document_number(1)
    }

    pub(crate) fn document_number(&self, number: u64) -> NetworkDocument {
        let Ports { relay, sso, .. } = self.ports;
        self.network.document(
            number,
            &format!("wss://127.0.0.1:{relay}"),
            &format!("https://127.0.0.1:{sso}"),
        )
    }

    /// The address to sign in with.
    pub fn join(&self) -> JoinUrl {
        JoinUrl::new(&self.document().urls.relay, self.network.pin())
    }

    pub(crate) fn folder_of(&self, role: &str) -> PathBuf {
        let folder = self.folder.path().join(role);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Where the relay keeps its store.
    pub fn relay_data(&self) -> PathBuf {
        self.folder_of("relay").join("data")
    }

    async fn start_sso(&mut self) {
        let folder = self.folder_of("sso");
        let device_issuer = self.network.write(&folder, "device-issuer", &self.network.device_issuer);
        let seal_key = folder.join("seal.key");
        std::fs::write(&seal_key, [7; 32]).unwrap();
        let public_url = self.document().urls.sso;
        let section = SsoSection { device_issuer, seal_key, public_url };
        let mut config: Config<SsoSection> = self.network.config(&folder, "sso", &self.document(), section);
        config.listen.public.set_port(self.ports.sso);
        config.listen.admin.set_port(self.ports.sso_admin);
        let directory = SqliteDirectory::open(&config.data, &SystemRng).await.unwrap();
        let surroundings = wickr_sso::Surroundings {
            clock: self.network.clock.clone(),
            rng: Arc::new(SystemRng),
            metrics: Metrics::new("sso"),
            directory: Arc::new(directory),
            provider_limits: DoorLimits::default(),
        };
        let bound = wickr_sso::bind(&config, surroundings).await.unwrap();
        let (shutdown, addresses) = (bound.shutdown().clone(), bound.addresses());
        let running = tokio::spawn(async move {
            bound.run().await;
        });
        self.sso = Some(Service { shutdown, running, addresses });
    }

    fn operator(&self, role: &str) -> reqwest::Client {
        let tls = self.network.workload_client("operator", &[role]);
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    /// Gives the relay a newer network document, as the operator does.
    pub async fn publish(&self, number: u64) {
        let port = self.relay.as_ref().unwrap().addresses.admin.port();
        let body = self.network.sign(&self.document_number(number));
        let answer = self.operator("relay").put(format!("https://127.0.0.1:{port}/document")).body(body);
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Frames that the relay has refused since its start, whether or not a client tried them again.
    pub async fn refusals(&self) -> u64 {
        let metrics = self.relay.as_ref().unwrap().addresses.metrics;
        let asked = self.operator("relay").get(format!("http://{metrics}/metrics")).send().await.unwrap();
        let text = asked.text().await.unwrap();
        let refusals = text.lines().filter(|line| line.starts_with("wickr_relay_refusals_total{"));
        let counts: Vec<u64> =
            refusals.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
        assert!(!counts.is_empty(), "no such metric: {text}");
        counts.iter().sum()
    }

    /// Another network of the same name answers at the relay's address from now on.
    pub async fn start_impostor(&mut self) {
        let other = TestNetwork::new("hq.example", self.network.clock.clone());
        let own = std::mem::replace(&mut self.network, other);
        std::fs::rename(self.folder_of("relay"), self.folder.path().join("relay-of-ours")).unwrap();
        self.start_relay().await;
        self.network = own;
    }

    /// Does what the operator does with an identity provider.
    async fn rehearse(&self) {
        let port = self.sso.as_ref().unwrap().addresses.admin.port();
        let answer = self
            .operator("sso")
            .post(format!("https://127.0.0.1:{port}/rehearse"))
            .json(&self.provider.settings())
            .send()
            .await
            .unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer["adopted"], true, "{answer:#}");
    }

    /// Starts the relay on the store that is there.
    pub async fn start_relay(&mut self) {
        let folder = self.folder_of("relay");
        let external_sender: KeyFiles = self.network.write(&folder, "external-sender", &self.network.hub);
        let sso = format!("https://127.0.0.1:{}", self.ports.sso_admin).parse().unwrap();
        let section = RelaySection { external_sender, sso, limits: self.relay_limits };
        let mut config = self.network.config(&folder, "relay", &self.document(), section);
        config.listen.public.set_port(self.ports.relay);
        let surroundings = wickr_relay::Surroundings {
            store: Box::new(|opening: wickr_relay::Opening| {
                let settings = wickr_store_log::Settings { data: opening.data };
                let (clock, rng, sink) = (opening.clock, opening.rng, opening.sink);
                Ok(Arc::new(wickr_store_log::LogStore::open(&settings, clock, &*rng, sink)?))
            }),
            clock: self.network.clock.clone(),
            rng: Arc::new(SystemRng),
            metrics: Metrics::new("relay"),
            feed: None,
        };
        let bound = wickr_relay::bind(&config, surroundings).await.unwrap();
        let (shutdown, addresses) = (bound.shutdown().clone(), bound.addresses());
        let running = tokio::spawn(async move {
            bound.run().await;
        });
        self.relay = Some(Service { shutdown, running, addresses });
    }

    /// Stops the relay: connections end at once.
    pub async fn stop_relay(&mut self) {
        let Service { shutdown, running, .. } = self.relay.take().unwrap();
        shutdown.begin();
        shutdown.close();
        running.await.unwrap();
        // The engine's own threads let go of the store a moment later; as a process they would be gone.
        let lock = std::fs::File::open(self.relay_data().join("queue.lock")).unwrap();
        tokio::task::spawn_blocking(move || lock.lock()).await.unwrap().unwrap();
    }

    /// The person signs in at the provider and types the code.
    pub fn approve(&self, user_code: &str, person: &str) {
        self.provider.approve(user_code, person);
    }

    /// A new device of that person, signed in and connected.
    pub async fn sign_in(&self, person: &str, device: &str) -> Phone {
        let profile = Profile::at(self.folder.path().join(format!("{person}-{device}")));
        let environment = Environment { timings: timings(), ..Environment::system() };
        let mut phone = Phone { profile, environment, client: None };
        self.sign_in_again(&mut phone, person).await;
        phone
    }

    /// The person signs in once more with a profile that is closed.
    pub async fn sign_in_again(&self, phone: &mut Phone, person: &str) {
        let asked = SignIn { join: self.join(), way: Way::Code, unlock: UnlockWith::Nothing };
        let owned = phone.profile.own().unwrap();
        let client = sign_in(owned, asked, phone.environment.clone(), |prompt| {
            let Prompt::Code { code, .. } = prompt else { panic!("asked for a code, got {prompt:?}") };
            self.provider.approve(&code, person);
        });
        phone.client = Some(client.await.unwrap());
        phone.online().await;
    }
}

impl Phone {
    /// The running client.
    pub fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    /// Waits for the connection.
    pub async fn online(&self) {
        let online = timeout(Duration::from_secs(30), self.client().online()).await;
        let status = self.client().status().unwrap();
        assert!(matches!(online, Ok(Ok(()))), "not online: {online:?}, {status:#?}");
    }

    /// Ends the process, as far as the profile is concerned.
    pub async fn close(&mut self) {
        self.client.take().unwrap().stop().await;
    }

    /// Signs out and deletes what the profile holds.
    pub async fn log_out(&mut self) {
        self.client.take().unwrap().log_out().await.unwrap();
    }

    /// Starts it again from what is on disk.
    pub async fn open(&mut self) {
        let owned = self.profile.own().unwrap();
        let client = Client::open(owned, &UnlockWith::Nothing, self.environment.clone()).await.unwrap();
        self.client = Some(client);
    }

    /// The profile as it is at this moment, copied while the client goes on, as a backup program does.
    #[must_use]
    pub fn copy(&self) -> Self {
        let name = format!("{}-copy", self.folder().file_name().unwrap().to_str().unwrap());
        let profile = Profile::at(self.folder().with_file_name(name));
        drop(profile.own().unwrap());
        let store = rusqlite::Connection::open(self.profile.store()).unwrap();
        store.execute("VACUUM INTO ?1", [profile.store().to_str().unwrap()]).unwrap();
        std::fs::copy(self.profile.unlock(), profile.unlock()).unwrap();
        Self { profile, environment: self.environment.clone(), client: None }
    }

    /// The folder of the profile.
    pub fn folder(&self) -> &Path {
        self.profile.directory()
    }

    /// What the person is called.
    pub fn handle(&self) -> Handle {
        self.client().account().handle
    }

    /// Keeps a text for the room and gives its id.
    pub fn says(&self, room: &RoomId, text: &str) -> MessageId {
        let id = self.client().message_id();
        self.client().send(room, id, text, UnixMillis(0)).unwrap();
        id
    }

    /// Says something and waits for the acknowledgement.
    pub async fn says_durably(&self, room: &RoomId, text: &str) {
        let id = self.says(room, text);
        let delivery = timeout(Duration::from_secs(30), self.client().delivery(room, id)).await;
        match delivery {
            Ok(Ok(Delivery::Acknowledged { .. })) => {}
            other => {
                panic!("\"{text}\" was not acknowledged: {other:?}, {:#?}", self.client().status().unwrap())
            }
        }
    }

    /// All texts of a room in the order they came.
    pub fn texts(&self, room: &RoomId) -> Vec<String> {
        let messages = self.client().history(Some(room), 10_000).unwrap();
        messages.into_iter().map(|message| message.text).collect()
    }
}

/// A port for a listener that begins later and is stopped and begun again. Below those that the system gives away
/// (`ip_local_port_range` begins at 32768), or a connection of another test could be given it meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let port = 20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A network in one process has no latency to spread out.
fn timings() -> Timings {
    let millis = Duration::from_millis;
    let spread = |least, most| Spread { least: millis(least), most: millis(most) };
    Timings {
        reconnect_first: millis(50),
        reconnect_most: millis(400),
        commit_proposals: spread(0, 60),
        race: spread(1, 30),
        path_after_join: spread(50, 200),
        repair: spread(20, 200),
        upkeep: millis(700),
        ..Timings::default()
    }
}

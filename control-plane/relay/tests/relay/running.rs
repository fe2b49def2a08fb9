//! A running relay with a whole network around it; time stands still unless a test moves it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use wickr_base::{Clock, DeviceId, ManualClock, RoomId, SystemRng, UnixMillis, UserId};
use wickr_e2ee::{DeviceIssuers, Network, Suite};
use wickr_pki::session::{SessionClaims, issue_session_token};
use wickr_pki::{KeyMaterial, issue_token_signer};
use wickr_relay::{Opening, RelayConfig, RelayLimits, RelaySection, Surroundings, bind};
use wickr_service::testing::{TestDevice, TestNetwork};
use wickr_service::{Addresses, Drained, Shutdown};
use wickr_store_log::{LogStore, Settings};
use wickr_telemetry::Metrics;

use crate::device::Device;
use crate::feed::MadeUpFeed;
use crate::troubled::{TroubledSink, TroubledStore, Troubles};

/// Longer than anything here takes, short enough to fail a test.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// 2024-06-01T00:00:00Z.
const START: UnixMillis = UnixMillis(1_717_200_000_000);

pub(crate) struct World {
    pub(crate) network: TestNetwork,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) feed: MadeUpFeed,
    pub(crate) config: RelayConfig,
    pub(crate) troubles: Arc<Troubles>,
    _folder: TempDir,
    token_signer: KeyMaterial,
}

pub(crate) struct Running {
    pub(crate) world: World,
    pub(crate) addresses: Addresses,
    pub(crate) metrics: Metrics,
    shutdown: Shutdown,
    ended: JoinHandle<Drained>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let network = TestNetwork::new("hq.example", Arc::clone(&clock) as Arc<dyn Clock>);
        let folder = tempfile::tempdir().unwrap();
        let document = network.document(1, "wss://127.0.0.1", "https://127.0.0.1");
        let external_sender = network.write(folder.path(), "hub", &network.hub);
        let section = RelaySection {
            external_sender,
            sso: "https://127.0.0.1:1".parse().unwrap(),
            limits: RelayLimits::default(),
        };
        let config = network.config(folder.path(), "relay", &document, section);
        let token_signer =
            issue_token_signer(&network.device_issuer, &network.domain, &SystemRng, START).unwrap();
        Self {
            network,
            clock,
            feed: MadeUpFeed::default(),
            config,
            troubles: Arc::default(),
            _folder: folder,
            token_signer,
        }
    }

    pub(crate) async fn start(self) -> Running {
        let (metrics, troubles) = (Metrics::new("relay"), Arc::clone(&self.troubles));
        let surroundings = Surroundings {
            store: Box::new(move |opening: Opening| {
                let settings = Settings { data: opening.data };
                let sink = Box::new(TroubledSink { sink: opening.sink, troubles: Arc::clone(&troubles) });
                let store = Arc::new(LogStore::open(&settings, opening.clock, &*opening.rng, sink)?);
                Ok(Arc::new(TroubledStore { store, troubles }))
            }),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
            metrics: metrics.clone(),
            feed: Some(Arc::new(self.feed.clone())),
        };
        let bound = bind(&self.config, surroundings).await.unwrap();
        let (addresses, shutdown) = (bound.addresses(), bound.shutdown().clone());
        Running { world: self, addresses, metrics, shutdown, ended: tokio::spawn(bound.run()) }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Moves the wall clock alone, so that nothing seems to have been silent.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.set(self.now().plus(time));
    }

    pub(crate) fn data(&self) -> &PathBuf {
        &self.config.data
    }

    /// What members know of the network.
    pub(crate) fn e2ee(&self) -> Network {
        Network {
            domain: self.network.domain.clone(),
            suite: Suite::P256,
            hub_certificate: self.network.hub.certificate.to_vec(),
            devices: Arc::new(DeviceIssuers {
                domain: self.network.domain.clone(),
                anchors: vec![self.network.device_issuer.certificate.clone()],
            }),
        }
    }

    /// A session token of that device, good for 15 minutes.
    pub(crate) fn token(&self, device: &TestDevice, session: &str) -> String {
        let who = (device.user, device.device);
        let domain = self.network.domain.clone();
        let claims = SessionClaims::new(domain, who, device.key.public(), session.to_owned(), self.now());
        issue_session_token(&self.token_signer.signer(&[]).unwrap(), &claims).unwrap()
    }
}

impl Running {
    pub(crate) async fn new() -> Self {
        World::new().start().await
    }

    /// A new person with a device that has connected, resumed and published key packages.
    pub(crate) async fn person(&self) -> Device {
        let mut device = Device::new(&self.world, self.world.network.device());
        device.come_online(self).await;
        device.publish(3).await;
        device
    }

    /// A room of these people, created by the first, who adds the others in one commit that all have taken in.
    pub(crate) async fn room(&self, people: &mut [&mut Device]) -> RoomId {
        let Some((creator, others)) = people.split_first_mut() else { panic!("a room needs somebody") };
        let room = creator.create_room().await;
        if !others.is_empty() {
            let users: Vec<UserId> = others.iter().map(|one| one.user()).collect();
            creator.add(&room, &users).await.unwrap();
            creator.take_in_until(&room, 2).await;
            for other in others {
                other.join(&room).await;
            }
        }
        room
    }

    pub(crate) fn revoke(&self, device: DeviceId) {
        self.world.feed.revoke(device, self.world.now());
    }

    pub(crate) fn figures(&self) -> String {
        String::from_utf8(self.metrics.render().unwrap()).unwrap()
    }

    pub(crate) async fn status(&self) -> Value {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.world.network.workload_client("operator", &["relay"]))
            .timeout(SOON)
            .build()
            .unwrap();
        let url = format!("https://{}/status", self.addresses.admin);
        serde_json::from_slice(&client.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn stop(self) -> World {
        self.shutdown.begin();
        tokio::time::timeout(SOON, self.ended).await.unwrap().unwrap();
        self.world
    }

    /// Stops it and starts it on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await.start().await
    }

    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.begin();
    }
}

/// Asks again and again until it is so; gives up after a while.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    let trying = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, trying).await.unwrap();
}

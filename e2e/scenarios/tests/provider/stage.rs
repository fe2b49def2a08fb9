//! sso in this process and Keycloak beside it, each with a clock that the test moves: time passes for both, or one is off.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use wickr_base::{Clock, SystemClock, SystemRng, UnixMillis};
use wickr_cluster::{HOST, Keycloak};
use wickr_pki::tls::ALPN_HTTP1;
use wickr_scenarios::browser::Browser;
use wickr_scenarios::samples::repository;
use wickr_service::Addresses;
use wickr_service::testing::TestNetwork;
use wickr_sso::{DoorLimits, SsoSection, Surroundings, bind};
use wickr_store_sql::SqliteDirectory;
use wickr_telemetry::Metrics;

use super::phone::{Phone, Reach, problem};

/// What clients call sso; where it listens is another matter here.
pub(crate) const PUBLIC: &str = "https://127.0.0.1";

/// Beside the cluster's Keycloak, which has 8443.
const PORT: u16 = 8446;

/// As the realm has it.
const CLIENT_SECRET: &str = "demo-secret-of-the-wickr-client";

/// The machine's clocks, some seconds on.
#[derive(Debug)]
struct Moved {
    system: SystemClock,
    by: AtomicI64,
}

impl Moved {
    fn by(&self) -> Duration {
        Duration::from_secs(self.by.load(Ordering::SeqCst).unsigned_abs())
    }
}

impl Clock for Moved {
    fn now(&self) -> UnixMillis {
        self.system.now().plus(self.by())
    }

    fn elapsed(&self) -> Duration {
        self.system.elapsed() + self.by()
    }
}

pub(crate) struct Stage {
    pub(crate) keycloak: Keycloak,
    network: TestNetwork,
    clock: Arc<Moved>,
    sso: Addresses,
    _folder: TempDir,
}

impl Stage {
    /// Both, with Keycloak in service.
    pub(crate) async fn up() -> Result<Self> {
        let realm = repository().join("manifests/demo/keycloak/realm.json");
        // Its address as its name: sso finds it without a name service.
        let keycloak = tokio::task::block_in_place(|| {
            Keycloak::up_at(&HOST.to_string(), (HOST, PORT).into(), &realm)?.tied()
        })?;
        let clock = Arc::new(Moved { system: SystemClock::new(), by: AtomicI64::new(0) });
        let network = TestNetwork::new("hq.example", clock.clone());
        let folder = tempfile::tempdir().context("making sso's folder")?;
        let sso = start_sso(&network, clock.clone(), &folder).await?;
        let stage = Self { keycloak, network, clock, sso, _folder: folder };
        let settings = json!({
            "generation": "1", "issuer": stage.keycloak.issuer(), "client_id": "wickr",
            "client_secret": CLIENT_SECRET, "ca_bundle_pem": fs::read_to_string(stage.keycloak.ca())?,
            "scopes": ["openid", "profile", "offline_access"],
            "claims": {"username": "preferred_username"}, "refresh_grace": "240m", "adopt": true,
        });
        let url = format!("https://{}/rehearse", stage.sso.admin);
        let answer: Value = stage.operator()?.post(url).json(&settings).send().await?.json().await?;
        ensure!(answer["adopted"] == true, "{answer:#}");
        Ok(stage)
    }

    /// Does something to Keycloak that waits without yielding.
    pub(crate) fn blocking(&mut self, work: impl FnOnce(&mut Keycloak) -> Result<()>) -> Result<()> {
        tokio::task::block_in_place(|| work(&mut self.keycloak))
    }

    /// Lets time pass for sso; Keycloak knows of it when it is started again.
    pub(crate) fn pass(&self, time: Duration) -> Result<()> {
        self.clock.by.fetch_add(i64::try_from(time.as_secs())?, Ordering::SeqCst);
        Ok(())
    }

    /// Starts Keycloak again with a clock that is so many seconds ahead of that of sso.
    pub(crate) fn start_again_ahead(&mut self, by: i64) -> Result<()> {
        let ahead = self.moved()? + by;
        self.blocking(Keycloak::stop)?;
        self.blocking(|keycloak| keycloak.start_again_ahead(ahead))
    }

    fn moved(&self) -> Result<i64> {
        i64::try_from(self.clock.by().as_secs()).context("the time that has passed")
    }

    /// A new device of that person, signed in.
    pub(crate) async fn sign_in(&self, person: &str) -> Result<Phone> {
        let (phone, answer) = self.try_sign_in(person).await?;
        ensure!(answer.0 == StatusCode::OK, "{person} is not let in: {}", problem(&answer));
        phone.context("signed in without a device")
    }

    /// What that person is told, who isn't let in.
    pub(crate) async fn refusal(&self, person: &str) -> Result<String> {
        let (_, answer) = self.try_sign_in(person).await?;
        ensure!(answer.0 != StatusCode::OK, "{person} was let in");
        Ok(problem(&answer))
    }

    async fn try_sign_in(&self, person: &str) -> Result<(Option<Phone>, super::phone::Answer)> {
        let reach = self.reach()?;
        let (mut phone, flow, page) = match Phone::begin(&reach).await? {
            Ok(begun) => begun,
            Err(refused) => return Ok((None, refused)),
        };
        let ca = fs::read(self.keycloak.ca()).context("reading Keycloak's CA")?;
        let browser = Browser::new(&ca, "sso.hq.example", self.keycloak.address())?;
        browser.sign_in(&page, person, &format!("{person}-demo-password")).await?;
        let answer = phone.finish(&reach, &flow).await?;
        Ok((Some(phone), answer))
    }

    /// Has sso ask Keycloak about the device's session, which goes on in any case; says whether Keycloak vouched for it.
    pub(crate) async fn asks_about(&self, phone: &mut Phone) -> Result<bool> {
        let asked = self.clock.now();
        let answer = phone.renew(&self.reach()?).await?;
        ensure!(answer.0 == StatusCode::OK, "the session has ended: {}", problem(&answer));
        let well = self.provider().await?["id_tokens"]["at"].as_str().map(str::to_owned);
        let well = well.context("no ID token has held yet")?;
        Ok(well > asked.to_string())
    }

    /// Waits for sso's own next look that goes well: until then it asks nothing about sessions.
    pub(crate) async fn until_seen_well(&self) -> Result<()> {
        for _ in 0..80 {
            if self.provider().await?["discovery"]["ok"] == true {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        anyhow::bail!("sso does not see that Keycloak is back: {:#}", self.provider().await?)
    }

    /// What sso's status says of Keycloak.
    pub(crate) async fn provider(&self) -> Result<Value> {
        let url = format!("https://{}/status", self.sso.admin);
        let status: Value = self.operator()?.get(url).send().await?.json().await?;
        Ok(status["provider"].clone())
    }

    fn operator(&self) -> Result<Client> {
        let tls = self.network.workload_client("operator", &["sso"]);
        Ok(Client::builder().tls_backend_preconfigured(tls).build()?)
    }

    fn reach(&self) -> Result<Reach<'_>> {
        let tls = self.network.public_client(&[ALPN_HTTP1]);
        let client = Client::builder().tls_backend_preconfigured(tls).build()?;
        Ok(Reach { client, base: format!("https://{}", self.sso.public), clock: &*self.clock })
    }
}

async fn start_sso(network: &TestNetwork, clock: Arc<Moved>, folder: &TempDir) -> Result<Addresses> {
    let document = network.document(1, "wss://127.0.0.1", PUBLIC);
    let device_issuer = network.write(folder.path(), "device-issuer", &network.device_issuer);
    let seal_key = folder.path().join("seal.key");
    fs::write(&seal_key, [7; 32]).context("writing sso's seal key")?;
    let section = SsoSection { device_issuer, seal_key, public_url: PUBLIC.parse()? };
    let config = network.config(folder.path(), "sso", &document, section);
    let directory = SqliteDirectory::open(&config.data, &SystemRng).await.context("opening the directory")?;
    let surroundings = Surroundings {
        clock,
        rng: Arc::new(SystemRng),
        metrics: Metrics::new("sso"),
        directory: Arc::new(directory),
        provider_limits: DoorLimits::default(),
    };
    let bound = bind(&config, surroundings).await.context("starting sso")?;
    let addresses = bound.addresses();
    tokio::spawn(bound.run());
    Ok(addresses)
}

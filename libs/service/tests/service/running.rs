//! A running service and clients for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustls::ClientConfig;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wickr_base::{Lifetime, SystemClock};
use wickr_pki::tls::{ALPN_HTTP1, ServerTrust, client_config};
use wickr_service::testing::TestNetwork;
use wickr_service::{Addresses, Config, Drained, Grant, Routes, Service, Shutdown, status_fn};
use wickr_telemetry::Metrics;

/// Longer than anything here takes, short enough to fail a test.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) static GRANTS: &[Grant] = &[
    Grant { role: "sso", method: "GET", route: "/only-sso" },
    Grant { role: "relay", method: "GET", route: "/only-relay" },
];

pub(crate) struct Running {
    pub(crate) network: TestNetwork,
    pub(crate) config: Config<()>,
    pub(crate) folder: TempDir,
    pub(crate) addresses: Addresses,
    pub(crate) shutdown: Shutdown,
    pub(crate) ended: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(Router::new(), SOON, |_| {}).await
    }

    pub(crate) async fn start_with(
        public: Router,
        drain: Duration,
        adjust: impl FnOnce(&mut Service),
    ) -> Self {
        let network = TestNetwork::new("hq.example", Arc::new(SystemClock::new()));
        let folder = tempfile::tempdir().unwrap();
        let document = network.document(1, "wss://127.0.0.1", "https://127.0.0.1");
        let mut config = network.config(folder.path(), "relay", &document, ());
        config.drain = Lifetime::new(drain);
        let clock = Arc::clone(&network.clock);
        let mut service = Service::open(&config, "relay", GRANTS, clock, Metrics::new("relay")).unwrap();
        adjust(&mut service);
        let shutdown = service.shutdown().clone();
        let bound = service.bind().await.unwrap();
        let addresses = bound.addresses();
        let admin = Router::new()
            .route("/only-sso", get(|| async { "sso" }))
            .route("/only-relay", get(|| async { "relay" }));
        let status = status_fn(|| async { Map::from_iter([("rooms".to_owned(), json!(3))]) });
        let ended = tokio::spawn(bound.run(Routes { public, admin, status }));
        Self { network, config, folder, addresses, shutdown, ended }
    }

    /// A client of the admin port that is `role`.
    pub(crate) fn admin(&self, role: &str) -> reqwest::Client {
        http(self.network.workload_client(role, &["relay"]))
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.addresses.admin)
    }

    pub(crate) fn public_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.addresses.public)
    }

    pub(crate) async fn status(&self) -> Value {
        let answer = self.admin("operator").get(self.admin_url("/status")).send().await.unwrap();
        json_of(answer).await
    }

    pub(crate) async fn readiness(&self) -> (u16, Value) {
        let url = format!("http://{}/readyz", self.addresses.metrics);
        let answer = reqwest::Client::builder()
            .tls_backend_preconfigured(self.network.public_client(&[ALPN_HTTP1]))
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), json_of(answer).await)
    }

    /// A bare TLS connection to the public port; the certificate is not judged, so that it can be looked at.
    pub(crate) async fn dial(&self) -> std::io::Result<TlsStream<TcpStream>> {
        self.dial_for(ALPN_HTTP1).await
    }

    pub(crate) async fn dial_for(&self, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let clock = Arc::clone(&self.network.clock);
        let config = client_config(None, ServerTrust::FirstContact, &[alpn], clock).unwrap();
        let tcp = TcpStream::connect(self.addresses.public).await?;
        let name = self.addresses.public.ip().into();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    /// Stops the service and tells how it ended.
    pub(crate) async fn stop(self) -> Drained {
        self.shutdown.begin();
        tokio::time::timeout(SOON, self.ended).await.unwrap().unwrap()
    }
}

pub(crate) fn http(tls: ClientConfig) -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(SOON).build().unwrap()
}

pub(crate) async fn json_of(answer: reqwest::Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

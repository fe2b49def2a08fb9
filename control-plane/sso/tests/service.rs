//! sso as a process runs it: three ports, TLS, the table of who may do what, the network document, draining.

#![expect(clippy::unwrap_used, reason = "a test that can't set itself up can only stop")]

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use wickr_base::{SystemClock, SystemRng};
use wickr_pki::tls::ALPN_HTTP1;
use wickr_service::testing::TestNetwork;
use wickr_service::{Addresses, Drained, Shutdown};
use wickr_sso::{DoorLimits, SsoError, SsoSection, Surroundings, bind};
use wickr_store_sql::SqliteDirectory;
use wickr_telemetry::Metrics;

struct Running {
    network: TestNetwork,
    at: Addresses,
    shutdown: Shutdown,
    ended: JoinHandle<Drained>,
    _folder: TempDir,
}

async fn start(change: impl FnOnce(&TempDir)) -> Result<Running, SsoError> {
    let clock = Arc::new(SystemClock::new());
    let network = TestNetwork::new("hq.example", clock.clone());
    let folder = tempfile::tempdir().unwrap();
    let document = network.document(3, "wss://127.0.0.1", "https://127.0.0.1");
    let device_issuer = network.write(folder.path(), "device-issuer", &network.device_issuer);
    let seal_key = folder.path().join("seal.key");
    std::fs::write(&seal_key, [7; 32]).unwrap();
    let section = SsoSection { device_issuer, seal_key, public_url: "https://127.0.0.1".parse().unwrap() };
    let config = network.config(folder.path(), "sso", &document, section);
    change(&folder);
    let directory = SqliteDirectory::open(&config.data, &SystemRng).await.unwrap();
    let surroundings = Surroundings {
        clock,
        rng: Arc::new(SystemRng),
        metrics: Metrics::new("sso"),
        directory: Arc::new(directory),
        provider_limits: DoorLimits::default(),
    };
    let bound = bind(&config, surroundings).await?;
    let (at, shutdown) = (bound.addresses(), bound.shutdown().clone());
    let ended = tokio::spawn(bound.run());
    Ok(Running { network, at, shutdown, ended, _folder: folder })
}

impl Running {
    fn public(&self) -> Client {
        let tls = self.network.public_client(&[ALPN_HTTP1]);
        Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    /// A client that is `role`; the certificate names the workload, not the address.
    fn workload(&self, role: &str) -> Client {
        let tls = self.network.workload_client(role, &["sso"]);
        Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    async fn ask(&self, role: &str, method: &str, path: &str) -> Response {
        let url = format!("https://{}{path}", self.at.admin);
        let request = self.workload(role).request(method.parse().unwrap(), url);
        request.body("{}").header("content-type", "application/json").send().await.unwrap()
    }
}

async fn code(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_its_document_and_says_that_it_has_no_provider() {
    let running = start(|_| ()).await.unwrap();
    let url = |path: &str| format!("https://{}{path}", running.at.public);
    let document = running.public().get(url("/.well-known/wickr-network")).send().await.unwrap();
    assert_eq!(document.status(), StatusCode::OK);
    let body = serde_json::json!({"public_key": "AAAA", "proof": "x"});
    let refused = running.public().post(url("/v1/sign-in/device")).json(&body).send().await.unwrap();
    assert_eq!(code(refused).await, (StatusCode::BAD_REQUEST, "malformed".to_owned()));
    let large = running.public().post(url("/v1/session")).body(vec![b' '; 17 * 1024]);
    let large = large.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(code(large).await, (StatusCode::PAYLOAD_TOO_LARGE, "too-large".to_owned()));
    let ready = format!("http://{}/readyz", running.at.metrics);
    let ready = running.public().get(ready).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK, "ready although no provider is in service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_of_the_admin_port_may_do_only_what_the_table_says() {
    let running = start(|_| ()).await.unwrap();
    let status = running.ask("operator", "GET", "/status").await;
    let status: Value = status.json().await.unwrap();
    assert_eq!(status["document"], 3);
    assert_eq!(status["certificate"]["ok"], true, "{status}");
    assert_eq!(running.ask("relay", "GET", "/changes?after=0&wait=0").await.status(), StatusCode::OK);
    let malformed = running.ask("operator", "POST", "/rehearse").await;
    assert_eq!(code(malformed).await, (StatusCode::BAD_REQUEST, "malformed".to_owned()));
    for (role, method, path) in [
        ("relay", "POST", "/rehearse"),
        ("relay", "GET", "/status"),
        ("operator", "GET", "/changes?after=0&wait=0"),
    ] {
        let refused = running.ask(role, method, path).await;
        assert_eq!(code(refused).await, (StatusCode::FORBIDDEN, "forbidden".to_owned()), "{role} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_drains_and_ends() {
    let running = start(|_| ()).await.unwrap();
    let waiting = running.ask("relay", "GET", "/changes?after=0&wait=0").await;
    assert_eq!(waiting.status(), StatusCode::OK);
    running.shutdown.begin();
    assert_eq!(running.ended.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_seal_key_of_another_length_and_a_missing_issuer_stop_the_start_by_name() {
    let short = start(|folder| std::fs::write(folder.path().join("seal.key"), [7; 16]).unwrap()).await;
    let error = short.err().unwrap();
    assert!(error.to_string().contains("seal.key"), "{error}");
    let missing =
        start(|folder| std::fs::remove_file(folder.path().join("device-issuer.key")).unwrap()).await;
    let error = missing.err().unwrap();
    assert!(error.to_string().contains("device-issuer.key"), "{error}");
}

//! A whole sso in this process with a provider double and people's phones; time stands still unless told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;
use wickr_base::{Clock, ManualClock, Rng, Secret, SystemClock, SystemRng};
use wickr_pki::dpop::{Request as ProofRequest, make_proof};
use wickr_pki::{CertificateDer, KeyMaterial, Purpose, SigningKey, new_issuer};
use wickr_policy::Der;
use wickr_service::testing::TestNetwork;
use wickr_service::{HeldDocument, Peer};
use wickr_store::directory::Directory;
use wickr_store_sql::SqliteDirectory;
use wickr_telemetry::Metrics;

use super::full::Fillable;
use super::idp::{Idp, PATIENCE};
use crate::metrics::SsoMetrics;
use crate::provider::DoorLimits;
use crate::seal::Sealer;
use crate::state::{Parts, Sso};
use crate::{admin, public};

const PUBLIC: &str = "https://chat.hq.example:30444";

/// sso, its provider and its time.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sso: Arc<Sso>,
    pub(crate) idp: Idp,
    pub(crate) metrics: Metrics,
    store: Arc<Fillable>,
    network: TestNetwork,
    issuer: watch::Sender<Arc<KeyMaterial>>,
    documents: watch::Sender<Option<Arc<HeldDocument>>>,
    public: Router,
    admin: Router,
    data: TempDir,
}

/// What an endpoint answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Null when it isn't JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The problem's code.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn text_of(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no \"{name}\" in {self:?}")).to_owned()
    }
}

/// A person's device, as the client is one.
pub(crate) struct Phone {
    pub(crate) key: SigningKey,
    /// Empty until it is signed in.
    pub(crate) device: String,
    pub(crate) user: String,
    pub(crate) token: String,
    pub(crate) certificate: Vec<u8>,
}

impl World {
    /// With the provider in service.
    pub(crate) async fn new() -> Self {
        let world = Self::without_provider().await;
        let settings = world.idp.settings("g1");
        let answer = world.admin("POST", "/rehearse", Some(settings)).await;
        assert_eq!(answer.json["adopted"], true, "{answer:?}");
        world
    }

    pub(crate) async fn without_provider() -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        let idp = Idp::start(Arc::clone(&clock)).await;
        let network = TestNetwork::new("hq.example", clock.clone());
        let data = tempfile::tempdir().unwrap();
        Self::start(clock, idp, network, data).await
    }

    /// Stops and starts again on the same store.
    pub(crate) async fn restarted(self) -> Self {
        let Self { clock, sso, idp, store, network, public, admin, data, .. } = self;
        drop((public, admin, store));
        assert_eq!(Arc::strong_count(&sso), 1, "nothing else holds the store");
        drop(sso);
        Self::start(clock, idp, network, data).await
    }

    async fn start(clock: Arc<ManualClock>, idp: Idp, network: TestNetwork, data: TempDir) -> Self {
        let metrics = Metrics::new("sso");
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let directory = SqliteDirectory::open(data.path(), &SystemRng).await.unwrap();
        let store = Arc::new(Fillable { directory, full: AtomicBool::new(false) });
        let issuer = &network.device_issuer;
        let issuer = watch::Sender::new(Arc::new(issuer.clone()));
        let documents = watch::Sender::new(Some(Arc::new(held_document(&network, &[]))));
        let sso = Sso::new(Parts {
            domain: network.domain.clone(),
            public_url: PUBLIC.parse().unwrap(),
            callback: format!("{PUBLIC}/v1/sign-in/callback").parse().unwrap(),
            clock: clock.clone(),
            rng,
            directory: Arc::clone(&store) as Arc<dyn Directory>,
            sealer: Sealer::new(&Secret::new(vec![7; 32])).unwrap(),
            device_issuer: issuer.subscribe(),
            metrics: SsoMetrics::declare(&metrics).unwrap(),
            documents: documents.subscribe(),
            door_limits: DoorLimits { time: PATIENCE, ..DoorLimits::default() },
        })
        .await
        .unwrap();
        let sso = Arc::new(sso);
        let (public, admin) = (public::routes(Arc::clone(&sso)), admin::routes(Arc::clone(&sso)));
        Self { clock, sso, idp, metrics, store, network, issuer, documents, public, admin, data }
    }

    /// Another device issuer signs from now on; the document names both.
    pub(crate) fn follow_issuer(&self) -> CertificateDer<'static> {
        let (network, now) = (&self.network, self.clock.now());
        let next = new_issuer(&network.root, &network.domain, Purpose::Device, &SystemRng, now).unwrap();
        let certificate = next.certificate.clone();
        let held = held_document(network, std::slice::from_ref(&certificate));
        self.documents.send_replace(Some(Arc::new(held)));
        self.issuer.send_replace(Arc::new(next));
        certificate
    }

    /// Whether the volume takes no more.
    pub(crate) fn fill(&self, full: bool) {
        self.store.full.store(full, Ordering::Relaxed);
    }

    /// Bytes of all files of the store.
    pub(crate) fn volume(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.data.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// A value of a metric with exactly this name and labels.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.metrics.render().unwrap();
        let text = String::from_utf8(text).unwrap();
        let found = text.lines().find_map(|one| one.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no {line} in\n{text}"))
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(&self.admin, request(method, path, body, &[])).await
    }

    /// A request without a session token.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(&self.public, request("POST", path, Some(body), &[])).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&self.public, request("GET", path, None, &[])).await
    }

    /// A request with the phone's session token.
    pub(crate) async fn signed(&self, phone: &Phone, method: &str, path: &str) -> Answer {
        let proof = self.proof(phone, method, path, Some(&phone.token));
        self.with_headers(method, path, &format!("DPoP {}", phone.token), &proof).await
    }

    pub(crate) async fn with_headers(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        proof: &str,
    ) -> Answer {
        let headers = [("authorization", authorization), ("dpop", proof)];
        self.send(&self.public, request(method, path, None, &headers)).await
    }

    async fn send(&self, to: &Router, mut request: Request<Body>) -> Answer {
        let address: SocketAddr = "192.0.2.7:1234".parse().unwrap();
        request.extensions_mut().insert(Peer { address, workload: None });
        let response = to.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub(crate) fn proof(&self, phone: &Phone, method: &str, path: &str, token: Option<&str>) -> String {
        let url = format!("{PUBLIC}{path}");
        let request = ProofRequest { method, url: &url, token };
        make_proof(&phone.key, request, &SystemRng, self.clock.now()).unwrap()
    }

    /// A body with the phone's key and proof.
    pub(crate) fn beginning(&self, phone: &Phone, path: &str) -> Value {
        json!({"public_key": STANDARD.encode(phone.key.public().spki()), "proof": self.proof(phone, "POST", path, None)})
    }

    pub(crate) async fn begin(&self, phone: &Phone) -> Answer {
        let path = "/v1/sign-in/device";
        self.post(path, self.beginning(phone, path)).await
    }

    pub(crate) async fn begin_code(&self, phone: &Phone) -> Answer {
        let path = "/v1/sign-in/code";
        self.post(path, self.beginning(phone, path)).await
    }

    pub(crate) async fn poll(&self, phone: &Phone, flow: &str) -> Answer {
        let path = "/v1/sign-in/poll";
        self.post(path, json!({"flow": flow, "proof": self.proof(phone, "POST", path, None)})).await
    }

    /// `POST /v1/session` or `/v1/certificate`.
    pub(crate) async fn renew(&self, phone: &Phone, path: &str) -> Answer {
        self.post(path, json!({"device": phone.device, "proof": self.proof(phone, "POST", path, None)})).await
    }

    /// Begins a device grant, has the person approve it, and polls; gives the last answer.
    pub(crate) async fn try_sign_in(&self, phone: &Phone, subject: &str) -> Answer {
        let begun = self.begin(phone).await;
        assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
        self.idp.approve(&begun.text_of("user_code"), subject);
        self.pass(Duration::from_secs(5));
        self.poll(phone, &begun.text_of("flow")).await
    }

    /// A new device of that person, signed in.
    pub(crate) async fn phone_of(&self, subject: &str) -> Phone {
        let mut phone = Phone::new();
        self.sign_in(&mut phone, subject).await;
        phone
    }

    pub(crate) async fn sign_in(&self, phone: &mut Phone, subject: &str) {
        let answer = self.try_sign_in(phone, subject).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        phone.take(&answer);
    }
}

impl Phone {
    pub(crate) fn new() -> Self {
        let text = String::new;
        let key = SigningKey::generate().unwrap();
        Self { key, device: text(), user: text(), token: text(), certificate: Vec::new() }
    }

    pub(crate) fn take(&mut self, signed_in: &Answer) {
        self.device = signed_in.text_of("device");
        self.user = signed_in.text_of("user");
        self.token = signed_in.text_of("session_token");
        self.certificate = STANDARD.decode(signed_in.text_of("certificate")).unwrap();
    }
}

fn request(method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        None => request.body(Body::empty()).unwrap(),
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
        }
    }
}

/// The document that names these device issuers beside the network's.
fn held_document(network: &TestNetwork, further: &[CertificateDer<'_>]) -> HeldDocument {
    let mut document = network.document(1, "wss://chat.hq.example:30443", PUBLIC);
    document.anchors.device.extend(further.iter().map(|issuer| Der::new(issuer.to_vec())));
    HeldDocument {
        body: network.sign(&document),
        roots: vec![network.pin()],
        device_anchors: wickr_pki::anchors(&document.anchors.device),
        workload_anchors: wickr_pki::anchors(&document.anchors.workload),
        document,
    }
}

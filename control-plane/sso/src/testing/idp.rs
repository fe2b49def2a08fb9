//! An identity provider for tests: over real TLS, in this process, and as bad as a test wants it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::{Url, form_urlencoded};
use wickr_base::{Clock, ManualClock};
use wickr_pki::certificates_to_pem;
use wickr_service::testing::TestNetwork;

use super::token::{Keys, Signing, TokenTwist};
use crate::public::hash;

pub(crate) const CLIENT_ID: &str = "wickr";
pub(crate) const CLIENT_SECRET: &str = "s3cret of the client";

/// How a request to a document is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Twist {
    #[default]
    None,
    Redirect,
    Huge,
    /// Begins and never ends.
    Slow,
    Garbage,
    Status(u16),
}

/// What becomes of refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Refreshing {
    #[default]
    Honour,
    InvalidGrant,
    ServerError,
    /// Vouches for somebody else.
    OtherSubject,
}

/// How the provider behaves; the default is as it should.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fault that a test switches on")]
pub(crate) struct Behaviour {
    pub(crate) discovery: Twist,
    pub(crate) keys: Twist,
    /// The issuer that the discovery document names.
    pub(crate) issuer: Option<String>,
    /// What it says it signs with.
    pub(crate) algorithms: Option<Vec<&'static str>>,
    pub(crate) plain_token_endpoint: bool,
    pub(crate) no_device_grant: bool,
    pub(crate) publishes_new_key: bool,
    pub(crate) date_offset_s: i64,
    /// As Keycloak.
    pub(crate) no_date: bool,
    /// Doesn't take our client secret.
    pub(crate) refuses_client: bool,
    pub(crate) signing: Signing,
    pub(crate) claims: Option<TokenTwist>,
    pub(crate) wrong_at_hash: bool,
    pub(crate) refreshing: Refreshing,
    pub(crate) no_refresh_token: bool,
    pub(crate) slow_down_once: bool,
    /// Cuts every connection.
    pub(crate) down: bool,
}

#[derive(Clone, Debug)]
enum Grant {
    Waiting,
    Approved(String),
    Denied,
    Expired,
}

struct Code {
    subject: String,
    nonce: String,
    challenge: String,
    redirect: String,
}

#[derive(Default)]
struct Seen {
    codes: HashMap<String, Code>,
    grants: HashMap<String, Grant>,
    /// Refresh tokens in use: one each, replaced at each use.
    refresh: HashMap<String, String>,
    given_back: Vec<String>,
    asked: HashMap<String, usize>,
    made: u64,
}

struct Inner {
    issuer: String,
    clock: Arc<ManualClock>,
    keys: Keys,
    behaviour: Mutex<Behaviour>,
    seen: Mutex<Seen>,
}

/// The provider; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Idp {
    inner: Arc<Inner>,
    ca_pem: String,
}

impl Idp {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        let network = TestNetwork::new("idp.example", clock.clone());
        let server = network.public("localhost");
        let key = server.key.expose().clone();
        let tls =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![server.certificate],
                    rustls::pki_types::PrivatePkcs8KeyDer::from(key).into(),
                )
                .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}/realms/hq", tcp.local_addr().unwrap().port());
        let inner = Arc::new(Inner {
            issuer,
            clock,
            keys: Keys::generate(),
            behaviour: Mutex::default(),
            seen: Mutex::default(),
        });
        tokio::spawn(serve(tcp, TlsAcceptor::from(Arc::new(tls)), Arc::clone(&inner)));
        let ca_pem = certificates_to_pem(std::slice::from_ref(&network.workload_issuer.certificate));
        Self { inner, ca_pem }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The body of a rehearsal of this provider.
    pub(crate) fn settings(&self, generation: &str) -> Value {
        json!({
            "generation": generation, "issuer": self.issuer(), "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET, "ca_bundle_pem": self.ca_pem,
            "scopes": ["openid", "profile", "offline_access"],
            "claims": {"username": "preferred_username", "groups": "groups"},
            "refresh_grace": "60m", "adopt": true,
        })
    }

    /// Changes how it behaves from now on.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.inner.behaviour.lock());
    }

    /// Changes the claims of every ID token from now on.
    pub(crate) fn claim(&self, name: &'static str, value: Value) {
        self.behave(|behaviour| {
            behaviour.claims = Some(Arc::new(move |claims| claims[name] = value.clone()));
        });
    }

    /// The person types the code and signs in.
    pub(crate) fn approve(&self, user_code: &str, subject: &str) {
        self.set_grant(user_code, Grant::Approved(subject.to_owned()));
    }

    pub(crate) fn deny(&self, user_code: &str) {
        self.set_grant(user_code, Grant::Denied);
    }

    pub(crate) fn let_expire(&self, user_code: &str) {
        self.set_grant(user_code, Grant::Expired);
    }

    fn set_grant(&self, user_code: &str, grant: Grant) {
        let code = user_code.replace("user", "device");
        assert!(self.inner.seen.lock().grants.insert(code, grant).is_some(), "no grant {user_code}");
    }

    /// The person signs in with a browser; gives the query that the browser brings back.
    pub(crate) fn browse(&self, authorize_url: &str, subject: &str) -> String {
        let url = Url::parse(authorize_url).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let mut seen = self.inner.seen.lock();
        seen.made += 1;
        let code = format!("code-{}", seen.made);
        seen.codes.insert(
            code.clone(),
            Code {
                subject: subject.to_owned(),
                nonce: query["nonce"].clone(),
                challenge: query["code_challenge"].clone(),
                redirect: query["redirect_uri"].clone(),
            },
        );
        let mut back = form_urlencoded::Serializer::new(String::new());
        back.append_pair("state", &query["state"]).append_pair("code", &code);
        back.finish()
    }

    /// How often an endpoint was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.inner.seen.lock().asked.get(path).copied().unwrap_or_default()
    }

    /// Refresh tokens that were given back.
    pub(crate) fn given_back(&self) -> Vec<String> {
        self.inner.seen.lock().given_back.clone()
    }
}

async fn serve(tcp: TcpListener, tls: TlsAcceptor, inner: Arc<Inner>) {
    let app = Router::new()
        .route("/realms/hq/.well-known/openid-configuration", get(discovery))
        .route("/realms/hq/keys", get(keys))
        .route("/realms/hq/token", post(token))
        .route("/realms/hq/device", post(begin_grant))
        .route("/realms/hq/revoke", post(give_back))
        .layer(from_fn_with_state(Arc::clone(&inner), around))
        .with_state(Arc::clone(&inner));
    loop {
        let Ok((socket, _)) = tcp.accept().await else { return };
        if inner.behaviour.lock().down {
            continue;
        }
        let (tls, app) = (tls.clone(), app.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let service = TowerToHyperService::new(app);
            let _ = hyper::server::conn::http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Counts, and tells the provider's time instead of the machine's.
async fn around(State(idp): State<Arc<Inner>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    *idp.seen.lock().asked.entry(path).or_default() += 1;
    let mut response = next.run(request).await;
    let at = idp.clock.now().seconds() + idp.behaviour.lock().date_offset_s;
    let date = chrono::DateTime::from_timestamp(at, 0).unwrap();
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(header::DATE, date.parse().unwrap());
    if idp.behaviour.lock().no_date {
        response.headers_mut().remove(header::DATE);
    }
    response
}

fn document(twist: Twist, right: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match twist {
        Twist::None => (json, right.to_string()).into_response(),
        Twist::Redirect => {
            (StatusCode::FOUND, [(header::LOCATION, "https://localhost/elsewhere")]).into_response()
        }
        Twist::Huge => (json, format!("{{\"x\":\"{}\"}}", "x".repeat(512 * 1024))).into_response(),
        Twist::Slow => {
            let never = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
            Body::from_stream(never).into_response()
        }
        Twist::Garbage => (json, "{\"issuer\": ").into_response(),
        Twist::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

async fn discovery(State(idp): State<Arc<Inner>>) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    let at = |path: &str| format!("{}/{path}", idp.issuer);
    let token =
        if behaviour.plain_token_endpoint { at("token").replace("https", "http") } else { at("token") };
    let mut right = json!({
        "issuer": behaviour.issuer.as_deref().unwrap_or(&idp.issuer),
        "authorization_endpoint": at("auth"),
        "token_endpoint": token,
        "jwks_uri": at("keys"),
        "revocation_endpoint": at("revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported":
            behaviour.algorithms.unwrap_or_else(|| vec!["ES256", "RS256", "PS256", "XX999"]),
    });
    if !behaviour.no_device_grant {
        right["device_authorization_endpoint"] = json!(at("device"));
    }
    document(behaviour.discovery, &right)
}

async fn keys(State(idp): State<Arc<Inner>>) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    document(behaviour.keys, &idp.keys.jwks(behaviour.publishes_new_key))
}

fn error(code: &str) -> Response {
    let body = json!({"error": code, "error_description": format!("said the double: {code}")});
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The form, when the client has shown its secret (RFC 6749 section 2.3.1).
fn authenticated(
    idp: &Inner,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<HashMap<String, String>, &'static str> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let right =
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET))));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&right) || idp.behaviour.lock().refuses_client {
        return Err("invalid_client");
    }
    Ok(form_urlencoded::parse(body).into_owned().collect())
}

async fn begin_grant(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(code) = authenticated(&idp, &headers, &body) {
        return error(code);
    }
    let mut seen = idp.seen.lock();
    seen.made += 1;
    let made = seen.made;
    seen.grants.insert(format!("device-{made}"), Grant::Waiting);
    let answer = json!({
        "device_code": format!("device-{made}"), "user_code": format!("user-{made}"),
        "verification_uri": format!("{}/type", idp.issuer),
        "verification_uri_complete": format!("{}/type?user_code=user-{made}", idp.issuer),
        "expires_in": 600, "interval": 5,
    });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

async fn give_back(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    match authenticated(&idp, &headers, &body) {
        Err(code) => error(code),
        Ok(form) => {
            idp.seen.lock().given_back.push(form["token"].clone());
            StatusCode::OK.into_response()
        }
    }
}

async fn token(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = match authenticated(&idp, &headers, &body) {
        Err(code) => return error(code),
        Ok(form) => form,
    };
    let granted = match form["grant_type"].as_str() {
        "authorization_code" => by_code(&idp, &form),
        "urn:ietf:params:oauth:grant-type:device_code" => by_grant(&idp, &form),
        "refresh_token" => by_refresh(&idp, &form),
        _ => Err("unsupported_grant_type"),
    };
    match granted {
        Ok((subject, nonce)) => tokens(&idp, &subject, nonce),
        Err(code) => error(code),
    }
}

type Granted = Result<(String, Option<String>), &'static str>;

fn by_code(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    let code = idp.seen.lock().codes.remove(&form["code"]).ok_or("invalid_grant")?;
    let challenge = URL_SAFE_NO_PAD.encode(hash(form["code_verifier"].as_bytes()));
    if challenge != code.challenge || form["redirect_uri"] != code.redirect {
        return Err("invalid_grant");
    }
    Ok((code.subject, Some(code.nonce)))
}

fn by_grant(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    let mut behaviour = idp.behaviour.lock();
    if std::mem::take(&mut behaviour.slow_down_once) {
        return Err("slow_down");
    }
    let mut seen = idp.seen.lock();
    match seen.grants.get(&form["device_code"]).cloned() {
        None => Err("invalid_grant"),
        Some(Grant::Waiting) => Err("authorization_pending"),
        Some(Grant::Denied) => Err("access_denied"),
        Some(Grant::Expired) => Err("expired_token"),
        Some(Grant::Approved(subject)) => {
            seen.grants.remove(&form["device_code"]);
            Ok((subject, None))
        }
    }
}

fn by_refresh(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    match idp.behaviour.lock().refreshing {
        Refreshing::Honour => {}
        Refreshing::InvalidGrant => return Err("invalid_grant"),
        Refreshing::ServerError => return Err("server_error"),
        Refreshing::OtherSubject => return Ok(("mallory".to_owned(), None)),
    }
    // Each refresh token works once, as with providers that replace them.
    let subject = idp.seen.lock().refresh.remove(&form["refresh_token"]).ok_or("invalid_grant")?;
    Ok((subject, None))
}

fn tokens(idp: &Inner, subject: &str, nonce: Option<String>) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    let mut seen = idp.seen.lock();
    seen.made += 1;
    let access = format!("access-{}", seen.made);
    let refresh = format!("refresh-{}", seen.made);
    seen.refresh.insert(refresh.clone(), subject.to_owned());
    let now = idp.clock.now().seconds();
    let hashed = if behaviour.wrong_at_hash { "other" } else { access.as_str() };
    let mut claims = json!({
        "iss": idp.issuer, "sub": format!("subject of {subject}"), "aud": CLIENT_ID,
        "iat": now, "exp": now + 300, "preferred_username": subject,
        "at_hash": URL_SAFE_NO_PAD.encode(&hash(hashed.as_bytes())[..16]),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(twist) = &behaviour.claims {
        twist(&mut claims);
    }
    let mut answer = json!({
        "access_token": access, "token_type": "Bearer", "expires_in": 60,
        "id_token": idp.keys.sign(&claims, behaviour.signing, CLIENT_SECRET),
    });
    if !behaviour.no_refresh_token {
        answer["refresh_token"] = json!(refresh);
    }
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// Short enough for a test, long enough for this machine.
pub(crate) const PATIENCE: Duration = Duration::from_millis(700);

//! An OIDC provider that honours the device grant: a test says who has typed the code in.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wickr_base::{Clock, SystemClock};
use wickr_pki::{SigningKey, certificates_to_pem};
use wickr_service::testing::TestNetwork;

const CLIENT: &str = "wickr";

/// The provider; ends with the runtime.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
    ca_pem: String,
}

struct Inner {
    issuer: String,
    key: SigningKey,
    grants: Mutex<Grants>,
}

#[derive(Default)]
struct Grants {
    made: u64,
    // Device code -> who typed the user code in, once somebody has.
    device: HashMap<String, Option<String>>,
    refresh: HashMap<String, String>,
}

impl Provider {
    /// Starts it on a port of its own.
    pub async fn start() -> Self {
        let network = TestNetwork::new("idp.example", Arc::new(SystemClock::new()));
        let server = network.public("localhost");
        let key = PrivatePkcs8KeyDer::from(server.key.expose().clone());
        let tls =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![server.certificate], key.into())
                .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}/realms/hq", tcp.local_addr().unwrap().port());
        let inner =
            Arc::new(Inner { issuer, key: SigningKey::generate().unwrap(), grants: Mutex::default() });
        tokio::spawn(serve(tcp, TlsAcceptor::from(Arc::new(tls)), inner.clone()));
        let ca_pem = certificates_to_pem(std::slice::from_ref(&network.workload_issuer.certificate));
        Self { inner, ca_pem }
    }

    /// The body of a rehearsal of it.
    pub fn settings(&self) -> Value {
        json!({
            "generation": "1", "issuer": self.inner.issuer, "client_id": CLIENT, "client_secret": "secret",
            "ca_bundle_pem": self.ca_pem, "scopes": ["openid", "profile", "offline_access"],
            "claims": {"username": "preferred_username"},
            "refresh_grace": "60m", "adopt": true,
        })
    }

    /// The person signs in and types the code.
    pub fn approve(&self, user_code: &str, person: &str) {
        let code = user_code.replace("user", "device");
        let known = self.inner.grants.lock().device.insert(code, Some(person.to_owned()));
        assert!(known.is_some(), "nobody asked for the code {user_code}");
    }
}

async fn serve(tcp: TcpListener, tls: TlsAcceptor, inner: Arc<Inner>) {
    let app = Router::new()
        .route("/realms/hq/.well-known/openid-configuration", get(discovery))
        .route("/realms/hq/keys", get(keys))
        .route("/realms/hq/token", post(token))
        .route("/realms/hq/device", post(begin))
        .route("/realms/hq/revoke", post(|| async { StatusCode::OK }))
        .with_state(inner);
    loop {
        let Ok((socket, _)) = tcp.accept().await else { return };
        let (tls, app) = (tls.clone(), app.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let service = TowerToHyperService::new(app);
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn discovery(State(provider): State<Arc<Inner>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", provider.issuer);
    Json(json!({
        "issuer": provider.issuer, "authorization_endpoint": at("auth"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "device_authorization_endpoint": at("device"), "revocation_endpoint": at("revoke"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn keys(State(provider): State<Arc<Inner>>) -> Json<Value> {
    let (x, y) = provider.key.public_point()[1..].split_at(32);
    Json(json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    }]}))
}

async fn begin(State(provider): State<Arc<Inner>>) -> Json<Value> {
    let mut grants = provider.grants.lock();
    grants.made += 1;
    let made = grants.made;
    grants.device.insert(format!("device-{made}"), None);
    let page = format!("{}/type", provider.issuer);
    Json(json!({
        "device_code": format!("device-{made}"), "user_code": format!("user-{made}"), "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code=user-{made}"), "expires_in": 600, "interval": 1,
    }))
}

async fn token(State(provider): State<Arc<Inner>>, Form(form): Form<HashMap<String, String>>) -> Response {
    let mut grants = provider.grants.lock();
    let person = match form["grant_type"].as_str() {
        "refresh_token" => grants.refresh.remove(&form["refresh_token"]).ok_or("invalid_grant"),
        _ => match grants.device.get(&form["device_code"]).cloned() {
            None => Err("invalid_grant"),
            Some(None) => Err("authorization_pending"),
            Some(Some(person)) => Ok(person),
        },
    };
    match person {
        Ok(person) => Json(tokens(&provider, &mut grants, &person)).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

fn tokens(provider: &Inner, grants: &mut Grants, person: &str) -> Value {
    grants.made += 1;
    let (access, refresh) = (format!("access-{}", grants.made), format!("refresh-{}", grants.made));
    grants.refresh.insert(refresh.clone(), person.to_owned());
    let now = SystemClock::new().now().seconds();
    let at_hash = URL_SAFE_NO_PAD.encode(&digest(&SHA256, access.as_bytes()).as_ref()[..16]);
    let claims = json!({
        "iss": provider.issuer, "sub": format!("subject of {person}"), "aud": CLIENT, "iat": now, "exp": now + 300,
        "preferred_username": person, "at_hash": at_hash,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed =
        format!("{}.{}", encode(&json!({"alg": "ES256", "kid": "1", "typ": "JWT"})), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode(provider.key.sign_fixed(signed.as_bytes()).unwrap());
    json!({
        "access_token": access, "token_type": "Bearer", "expires_in": 60, "refresh_token": refresh,
        "id_token": format!("{signed}.{signature}"),
    })
}

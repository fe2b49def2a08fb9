//! An identity provider for tests: over real TLS, in this process, and as bad as a test wants it. What it answers
//! with: `endpoints`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use url::{Url, form_urlencoded};
use wickr_base::ManualClock;
use wickr_pki::certificates_to_pem;
use wickr_service::testing::TestNetwork;

use super::endpoints::serve;
use super::token::{HeaderTwist, Keys, Signing, TokenTwist};
use super::wire::{Served, Wire};

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
    Refuse(&'static str),
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
    /// What requests whose path ends so get instead of an answer.
    pub(crate) wire: Option<(&'static str, Wire)>,
    /// Members that the discovery document has besides or instead.
    pub(crate) also: Option<Value>,
    /// Says that it names itself in each answer that a browser brings (RFC 9207).
    pub(crate) names_itself: bool,
    /// Members that the answer to a device grant's beginning has instead.
    pub(crate) grant: Option<Value>,
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
    /// Changes the ID token's header before it is signed.
    pub(crate) header: Option<HeaderTwist>,
    /// Stands in the ID token's claims besides, as text: JSON that no value can be.
    pub(crate) raw_claims: Option<&'static str>,
    /// The refresh token that it gives, whatever it knows itself.
    pub(crate) refresh_token: Option<String>,
    /// Refuses, and describes it so.
    pub(crate) refusal: Option<(&'static str, String)>,
    /// Leaves the ID token out of its answers about refresh tokens.
    pub(crate) no_id_token_at_refresh: bool,
    pub(crate) wrong_at_hash: bool,
    pub(crate) refreshing: Refreshing,
    pub(crate) no_refresh_token: bool,
    pub(crate) slow_down_once: bool,
    /// Answers about refresh tokens only when told to (`Idp::release`).
    pub(crate) holds_refresh: bool,
    /// Cuts every connection.
    pub(crate) down: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Grant {
    Waiting,
    Approved(String),
    Denied,
    Expired,
}

pub(super) struct Code {
    pub(super) subject: String,
    pub(super) nonce: String,
    pub(super) challenge: String,
    pub(super) redirect: String,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) codes: HashMap<String, Code>,
    pub(super) grants: HashMap<String, Grant>,
    /// Refresh tokens in use: one each, replaced at each use.
    pub(super) refresh: HashMap<String, String>,
    pub(super) given_back: Vec<String>,
    pub(super) asked: HashMap<String, usize>,
    pub(super) made: u64,
}

pub(super) struct Inner {
    pub(super) issuer: String,
    pub(super) clock: Arc<ManualClock>,
    pub(super) keys: Keys,
    pub(super) behaviour: Mutex<Behaviour>,
    pub(super) seen: Mutex<Seen>,
    /// A question about a refresh token has come.
    pub(super) reached: Notify,
    /// It may be answered.
    pub(super) release: Notify,
    pub(super) served: Arc<Served>,
}

/// The provider; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Idp {
    inner: Arc<Inner>,
    ca_pem: String,
}

impl Idp {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        Self::named(clock, "localhost").await
    }

    /// One whose certificate names another host than where it is.
    pub(crate) async fn named(clock: Arc<ManualClock>, name: &str) -> Self {
        let network = TestNetwork::new("idp.example", clock.clone());
        let server = network.public(name);
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
            reached: Notify::new(),
            release: Notify::new(),
            served: Arc::default(),
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
            "claims": {"username": "preferred_username"},
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

    /// Changes the header of every ID token from now on.
    pub(crate) fn header(&self, name: &'static str, value: Value) {
        self.behave(|behaviour| {
            behaviour.header = Some(Arc::new(move |header| header[name] = value.clone()));
        });
    }

    /// The key that nobody publishes, as a JWK of that name.
    pub(crate) fn foreign_jwk(&self, kid: &str) -> Value {
        self.inner.keys.foreign_jwk(kid)
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
        if self.inner.behaviour.lock().names_itself {
            back.append_pair("iss", self.issuer());
        }
        back.finish()
    }

    /// How often an endpoint was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.inner.seen.lock().asked.get(path).copied().unwrap_or_default()
    }

    /// What became of what it did below HTTP.
    pub(crate) fn served(&self) -> &Served {
        &self.inner.served
    }

    /// Refresh tokens that were given back.
    pub(crate) fn given_back(&self) -> Vec<String> {
        self.inner.seen.lock().given_back.clone()
    }

    /// Waits until a question about a refresh token is held.
    pub(crate) async fn holding(&self) {
        self.inner.reached.notified().await;
    }

    /// Answers the one that is held.
    pub(crate) fn release(&self) {
        self.inner.release.notify_one();
    }
}

/// Short enough for a test, long enough for this machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

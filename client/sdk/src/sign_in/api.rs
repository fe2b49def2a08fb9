//! sso's HTTP API (docs/reference): each request with a proof by the device key (RFC 9449).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wickr_base::{DeviceId, Handle, UnixMillis, UserId};
use wickr_pki::SigningKey;
use wickr_pki::dpop::{DpopError, Request, make_proof};
use wickr_policy::ServiceUrl;
use wickr_wire::ProblemCode;

use crate::environment::Environment;
use crate::net::{Body, Http, HttpError};
use crate::network::Believed;
use crate::store::Session;

/// Why sso did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// The request failed or was refused.
    #[error("{doing}")]
    Request {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        source: HttpError,
    },
    /// The proof could not be made.
    #[error("signing a request with the device key")]
    Proof(#[source] DpopError),
    /// The answer has a certificate that is no base64.
    #[error("{doing}: the answer's certificate can't be read")]
    Certificate {
        /// What was attempted.
        doing: &'static str,
    },
}

impl SsoError {
    /// The problem code, where sso refused.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Request { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Whether sso answered at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Request { source: HttpError::Unreachable { .. }, .. })
    }
}

/// One of a person's devices, as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    #[serde(rename = "device")]
    pub id: DeviceId,
    /// When it first signed in.
    #[serde(default, with = "wickr_base::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<UnixMillis>,
    /// Whether its session goes on.
    #[serde(default = "yes")]
    pub signed_in: bool,
    /// When it was revoked, if it was.
    #[serde(default, with = "wickr_base::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UnixMillis>,
}

fn yes() -> bool {
    true
}

/// A person, as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub handle: Handle,
}

#[derive(Deserialize)]
pub(crate) struct DeviceFlow {
    pub(crate) flow: String,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) verification_uri_complete: Option<String>,
    pub(crate) interval_s: u64,
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) expires_at: UnixMillis,
}

#[derive(Deserialize)]
pub(crate) struct CodeFlow {
    pub(crate) flow: String,
    pub(crate) authorize_url: String,
    #[serde(with = "wickr_base::rfc3339")]
    pub(crate) expires_at: UnixMillis,
}

#[derive(Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) handle: Handle,
    certificate: String,
    session_token: String,
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

#[derive(Deserialize)]
struct Token {
    session_token: String,
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

#[derive(Deserialize)]
struct Certificate {
    certificate: String,
}

#[derive(Deserialize)]
struct Devices {
    devices: Vec<Device>,
}

impl SignedIn {
    pub(crate) fn certificate(&self) -> Result<Vec<u8>, SsoError> {
        read_certificate("signing in", &self.certificate)
    }

    pub(crate) fn session(&self) -> Session {
        Session { token: self.session_token.clone(), expires: self.expires_at }
    }
}

fn read_certificate(doing: &'static str, text: &str) -> Result<Vec<u8>, SsoError> {
    STANDARD.decode(text).map_err(|_| SsoError::Certificate { doing })
}

/// Asks sso on behalf of one device.
#[derive(Clone)]
pub(crate) struct Sso {
    http: Http,
    base: ServiceUrl,
    key: Arc<SigningKey>,
    environment: Environment,
}

impl Sso {
    pub(crate) fn new(
        network: &Believed,
        key: Arc<SigningKey>,
        environment: &Environment,
    ) -> Result<Self, SsoError> {
        let http = Http::new(network.trust(), environment, environment.timings.answer)
            .map_err(|source| SsoError::Request { doing: "setting up requests to sso", source })?;
        Ok(Self { http, base: network.sso().clone(), key, environment: environment.clone() })
    }

    pub(crate) async fn begin_device(&self) -> Result<DeviceFlow, SsoError> {
        self.begin("beginning a sign-in by code", "/v1/sign-in/device").await
    }

    pub(crate) async fn begin_code(&self) -> Result<CodeFlow, SsoError> {
        self.begin("beginning a sign-in by browser", "/v1/sign-in/code").await
    }

    async fn begin<T: DeserializeOwned>(&self, doing: &'static str, path: &str) -> Result<T, SsoError> {
        let body = json!({ "public_key": STANDARD.encode(self.key.public().spki()) });
        self.post(doing, path, body).await
    }

    /// `None` while the person has not finished.
    pub(crate) async fn poll(&self, flow: &str) -> Result<Option<SignedIn>, SsoError> {
        match self.post("waiting for the sign-in", "/v1/sign-in/poll", json!({ "flow": flow })).await {
            Ok(signed_in) => Ok(Some(signed_in)),
            Err(error) if error.code() == Some(ProblemCode::SignInPending) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn session(&self, device: DeviceId) -> Result<Session, SsoError> {
        let token: Token =
            self.post("renewing the session", "/v1/session", json!({ "device": device })).await?;
        Ok(Session { token: token.session_token, expires: token.expires_at })
    }

    pub(crate) async fn certificate(&self, device: DeviceId) -> Result<Vec<u8>, SsoError> {
        let doing = "renewing the device certificate";
        let answer: Certificate = self.post(doing, "/v1/certificate", json!({ "device": device })).await?;
        read_certificate(doing, &answer.certificate)
    }

    pub(crate) async fn lookup(&self, handle: &Handle, session: &Session) -> Result<Person, SsoError> {
        let path = format!("/v1/directory/handles/{}", escape(&handle.to_string()));
        self.authorised("looking a handle up", Method::GET, &path, session).await
    }

    pub(crate) async fn person(&self, user: UserId, session: &Session) -> Result<Person, SsoError> {
        let path = format!("/v1/directory/users/{user}");
        self.authorised("looking a person up", Method::GET, &path, session).await
    }

    pub(crate) async fn devices(&self, session: &Session) -> Result<Vec<Device>, SsoError> {
        let devices: Devices =
            self.authorised("listing devices", Method::GET, "/v1/devices", session).await?;
        Ok(devices.devices)
    }

    pub(crate) async fn revoke(&self, device: DeviceId, session: &Session) -> Result<(), SsoError> {
        let path = format!("/v1/devices/{device}");
        self.bytes("revoking a device", Method::DELETE, &path, session).await.map(drop)
    }

    pub(crate) async fn sign_out(&self, session: &Session) -> Result<(), SsoError> {
        self.bytes("signing out", Method::POST, "/v1/sign-out", session).await.map(drop)
    }

    fn proof(&self, method: &Method, url: &str, token: Option<&str>) -> Result<String, SsoError> {
        let request = Request { method: method.as_str(), url, token };
        make_proof(&self.key, request, &*self.environment.rng, self.environment.clock.now())
            .map_err(SsoError::Proof)
    }

    /// A request that carries its proof in the body.
    async fn post<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        path: &str,
        mut body: Value,
    ) -> Result<T, SsoError> {
        let url = self.base.https(path);
        body["proof"] = Value::String(self.proof(&Method::POST, &url, None)?);
        let body = Body { json: Some(body), ..Body::default() };
        self.http.json(Method::POST, &url, body).await.map_err(|source| SsoError::Request { doing, source })
    }

    async fn bytes(
        &self,
        doing: &'static str,
        method: Method,
        path: &str,
        session: &Session,
    ) -> Result<Vec<u8>, SsoError> {
        let url = self.base.https(path);
        let proof = self.proof(&method, &url, Some(&session.token))?;
        let body = Body { json: None, token: Some(session.token.clone()), proof: Some(proof) };
        self.http.bytes(method, &url, body).await.map_err(|source| SsoError::Request { doing, source })
    }

    async fn authorised<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        method: Method,
        path: &str,
        session: &Session,
    ) -> Result<T, SsoError> {
        let bytes = self.bytes(doing, method, path, session).await?;
        serde_json::from_slice(&bytes).map_err(|_| SsoError::Request {
            doing,
            source: HttpError::Unreadable { url: self.base.https(path), status: 200 },
        })
    }
}

/// Percent-encodes what may not stand in a path segment (RFC 3986 section 3.3).
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stands_in_a_path_as_one_segment() {
        assert_eq!(escape("alice@hq.example"), "alice@hq.example");
        assert_eq!(escape("jürgen@hq.example"), "j%C3%BCrgen@hq.example");
        assert_eq!(escape("a/b?c"), "a%2Fb%3Fc");
    }
}

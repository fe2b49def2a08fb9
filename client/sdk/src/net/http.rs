//! JSON over HTTPS to sso, and the fetch of the network document. No redirects, bounded bodies, bounded time.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use wickr_pki::PkiError;
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1, ServerTrust, client_config};
use wickr_wire::{Problem, ProblemCode};

use crate::environment::Environment;

/// Largest answer that is read.
const MOST: usize = 256 * 1024;

/// A client for one network.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
}

/// A body to send with the proofs that go along.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) json: Option<serde_json::Value>,
    pub(crate) token: Option<String>,
    pub(crate) proof: Option<String>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// TLS could not be set up.
    #[error("setting up TLS")]
    Tls {
        /// Why.
        source: Box<PkiError>,
    },
    /// The client could not be made.
    #[error("setting up HTTPS: {0}")]
    Setup(String),
    /// No answer came.
    #[error("asking {url}: {}", deepest(source))]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The service refused.
    #[error("{}", problem.detail)]
    Refused {
        /// What it said (RFC 9457).
        problem: Box<Problem>,
    },
    /// The answer is none of ours.
    #[error("{url} answered with status {status} and something that can't be read")]
    Unreadable {
        /// Where.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is too long.
    #[error("{url} answered with more than {MOST} bytes")]
    TooLong {
        /// Where.
        url: String,
    },
}

impl HttpError {
    /// The problem code, where the service refused.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused { problem } => ProblemCode::parse(&problem.code),
            _ => None,
        }
    }
}

impl Http {
    pub(crate) fn new(
        trust: ServerTrust,
        environment: &Environment,
        within: Duration,
    ) -> Result<Self, HttpError> {
        let alpn: &[&[u8]] = &[ALPN_H2, ALPN_HTTP1];
        let tls = client_config(None, trust, alpn, environment.clock.clone())
            .map_err(|source| HttpError::Tls { source: Box::new(source) })?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(within)
            .connect_timeout(within);
        for (host, address) in environment.resolve.entries() {
            // Port 0: the one of the URL.
            builder = builder.resolve(host, SocketAddr::new(address, 0));
        }
        let client = builder.build().map_err(|error| HttpError::Setup(error.to_string()))?;
        Ok(Self { client })
    }

    /// The answer's status and body; problems become `HttpError::Refused`, 202 included.
    pub(crate) async fn bytes(&self, method: Method, url: &str, body: Body) -> Result<Vec<u8>, HttpError> {
        let unreachable = |source: reqwest::Error| HttpError::Unreachable { url: url.to_owned(), source };
        let mut request = self.client.request(method, url);
        if let Some(token) = body.token {
            request = request.header(AUTHORIZATION, format!("DPoP {token}"));
        }
        if let Some(proof) = body.proof {
            request = request.header("DPoP", proof);
        }
        if let Some(json) = body.json {
            request = request.json(&json);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/problem+json"));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > MOST {
                return Err(HttpError::TooLong { url: url.to_owned() });
            }
            bytes.extend_from_slice(&chunk);
        }
        let unreadable = || HttpError::Unreadable { url: url.to_owned(), status };
        if is_problem {
            let problem = Box::new(serde_json::from_slice(&bytes).map_err(|_| unreadable())?);
            return Err(HttpError::Refused { problem });
        }
        if (200..300).contains(&status) { Ok(bytes) } else { Err(unreadable()) }
    }

    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        body: Body,
    ) -> Result<T, HttpError> {
        let bytes = self.bytes(method, url, body).await?;
        serde_json::from_slice(&bytes).map_err(|_| HttpError::Unreadable { url: url.to_owned(), status: 200 })
    }
}

/// reqwest's own text names only the step; the cause is at the end of the chain.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

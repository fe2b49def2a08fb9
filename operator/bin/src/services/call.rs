//! One HTTP/1.1 request over one TLS connection, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Most bytes of an answer that are read.
const MOST: usize = 256 * 1024;

/// A request to be made.
#[derive(Debug)]
pub struct Call<'a> {
    /// What is dialled.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The name that is asked for in TLS and HTTP.
    pub name: &'a str,
    /// Identity and trust.
    pub tls: ClientConfig,
    /// HTTP method.
    pub method: Method,
    /// Path.
    pub path: &'static str,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub within: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The address is not found, or nobody listens there.
    #[error("connecting to {address}: {source}")]
    Connect {
        /// What was dialled.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The name can't stand in a certificate.
    #[error("\"{0}\" is not a host name")]
    Name(String),
    /// The other side is not who it should be, or doesn't believe us.
    #[error("TLS with {address}: {source}")]
    Tls {
        /// What was dialled.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// HTTP itself.
    #[error("asking {address}: {why}")]
    Http {
        /// What was dialled.
        address: String,
        /// Why.
        why: String,
    },
    /// An answer, but a refusal.
    #[error("{address} says {status}: {said}")]
    Refused {
        /// What was dialled.
        address: String,
        /// The status.
        status: StatusCode,
        /// What it says, cut.
        said: String,
    },
    /// It took too long.
    #[error("no answer from {address} within {} s", within.as_secs())]
    Silence {
        /// What was dialled.
        address: String,
        /// How long it was waited.
        within: Duration,
    },
}

impl Call<'_> {
    /// Makes it; an answer other than 2xx is an error.
    pub async fn make(self) -> Result<Bytes, CallError> {
        let (address, within) = (format!("{}:{}", self.host, self.port), self.within);
        match tokio::time::timeout(within, self.exchange(&address)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Silence { address, within }),
        }
    }

    async fn exchange(self, address: &str) -> Result<Bytes, CallError> {
        let own = || address.to_owned();
        let tcp = TcpStream::connect((self.host, self.port))
            .await
            .map_err(|source| CallError::Connect { address: own(), source })?;
        let name =
            ServerName::try_from(self.name.to_owned()).map_err(|_| CallError::Name(self.name.to_owned()))?;
        let tls = TlsConnector::from(Arc::new(self.tls))
            .connect(name, tcp)
            .await
            .map_err(|source| CallError::Tls { address: own(), source })?;
        let http = |why: String| CallError::Http { address: own(), why };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls))
            .await
            .map_err(|error| http(error.to_string()))?;
        let request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(http::header::HOST, self.name)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(self.body)))
            .map_err(|error| http(error.to_string()))?;
        // The connection is driven here, so that it ends with this call.
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| http(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let body = body.map_err(|error| http(error.to_string()))?.to_bytes();
            if status.is_success() {
                return Ok(body);
            }
            let said = String::from_utf8_lossy(&body).chars().take(300).collect();
            Err(CallError::Refused { address: own(), status, said })
        };
        tokio::select! {
            answer = exchange => answer,
            Err(error) = connection => Err(http(error.to_string())),
        }
    }
}

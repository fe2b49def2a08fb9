//! sso's numbered changes (`GET /changes` on its admin port), asked one by one over mutual TLS.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wickr_model::ChangesAnswer;
use wickr_policy::ServiceUrl;
use wickr_service::Reloading;

/// Bytes of an answer.
const MAX_BYTES: usize = 1 << 20;

/// For connecting, and beyond the wait that was asked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{attempted} at \"{address}\": {why}")]
pub struct FeedError {
    attempted: &'static str,
    address: String,
    why: String,
}

/// Where changes are heard of.
pub trait ChangeFeed: Send + Sync {
    /// Changes after that number; waits so long for the first one.
    fn after(
        &self,
        number: u64,
        wait: Duration,
    ) -> futures::future::BoxFuture<'_, Result<ChangesAnswer, FeedError>>;
}

/// sso's admin port.
pub(crate) struct SsoFeed {
    url: ServiceUrl,
    tls: Arc<Reloading<ClientConfig>>,
}

impl SsoFeed {
    pub(crate) fn new(url: ServiceUrl, tls: Arc<Reloading<ClientConfig>>) -> Self {
        Self { url, tls }
    }

    fn failed(&self, attempted: &'static str, why: impl std::fmt::Display) -> FeedError {
        FeedError { attempted, address: self.url.https(""), why: why.to_string() }
    }

    async fn ask(&self, number: u64, wait: Duration) -> Result<ChangesAnswer, FeedError> {
        let (host, port) = (self.url.host(), self.url.port());
        let connect = TcpStream::connect((host, port));
        let tcp =
            timeout(PATIENCE, connect).await.map_err(|_| self.failed("connecting", "no answer in time"))?;
        let tcp = tcp.map_err(|error| self.failed("connecting", error))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| self.failed("naming sso", error))?;
        let mut config = (*self.tls.current()).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let tls =
            timeout(PATIENCE, tls).await.map_err(|_| self.failed("shaking hands", "no answer in time"))?;
        let tls = tls.map_err(|error| self.failed("shaking hands", error))?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await;
        let (mut sender, connection) = shaken.map_err(|error| self.failed("speaking HTTP", error))?;
        let request = Request::get(format!("/changes?after={number}&wait={}", wait.as_secs()))
            .header(HOST, format!("{host}:{port}"))
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|error| self.failed("asking for changes", error))?;
        let answer = async {
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|error| self.failed("asking for changes", error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            let body = body.map_err(|error| self.failed("reading changes", error))?.to_bytes();
            if status != StatusCode::OK {
                return Err(self.failed("asking for changes", status));
            }
            serde_json::from_slice(&body).map_err(|error| self.failed("reading changes", error))
        };
        tokio::select! {
            answer = timeout(wait + PATIENCE, answer) => {
                answer.unwrap_or_else(|_| Err(self.failed("asking for changes", "no answer in time")))
            }
            ended = connection => Err(self.failed("asking for changes", match ended {
                Ok(()) => "the connection was closed".to_owned(),
                Err(error) => error.to_string(),
            })),
        }
    }
}

impl ChangeFeed for SsoFeed {
    fn after(
        &self,
        number: u64,
        wait: Duration,
    ) -> futures::future::BoxFuture<'_, Result<ChangesAnswer, FeedError>> {
        Box::pin(self.ask(number, wait))
    }
}

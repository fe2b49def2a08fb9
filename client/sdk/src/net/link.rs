//! The WebSocket to the relay: requests with their answers, and everything else in the order it came.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, Stream, StreamExt};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use wickr_pki::tls::{ALPN_HTTP1, ServerTrust};
use wickr_policy::ServiceUrl;
use wickr_wire::relay::{
    Challenge, ClientFrame, Goodbye, Refusal, RelayFrame, client_frame, relay_frame, reply,
};
use wickr_wire::{CONNECT_PATH, MAX_FRAME_BYTES, ProblemCode, SUBPROTOCOL};

use super::dial::{DialError, dial};
use crate::environment::Environment;

/// Asks the relay; cheap to clone, dead once the connection is.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    out: mpsc::Sender<ClientFrame>,
    waiting: Arc<Mutex<Waiting>>,
    next: Arc<AtomicU64>,
    answer: Duration,
}

/// What the relay says unasked, in order; ends with the connection.
pub(crate) type Incoming = mpsc::UnboundedReceiver<relay_frame::Body>;

/// A fresh connection.
pub(crate) struct Opened {
    pub(crate) challenge: Challenge,
    pub(crate) link: Link,
    pub(crate) incoming: Incoming,
}

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    answers: HashMap<u64, oneshot::Sender<reply::Outcome>>,
}

/// Why the relay has not answered, or not as asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No connection could be made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The WebSocket was refused or broke.
    #[error("opening the connection to the relay at {url}")]
    Upgrade {
        /// Where.
        url: String,
        /// Why.
        source: Box<tungstenite::Error>,
    },
    /// The relay says something else than the protocol asks for.
    #[error("the relay sent {0}")]
    Protocol(&'static str),
    /// The connection ended.
    #[error("the connection to the relay was lost")]
    Lost,
    /// The relay ended the connection and said why.
    #[error("the relay ended the connection ({}): {}", .0.code, .0.detail)]
    Goodbye(Goodbye),
    /// No answer in time.
    #[error("the relay did not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The relay refused.
    #[error("{}", .0.detail)]
    Refused(Refusal),
}

impl LinkError {
    /// The problem code, where the relay gave one.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused(refusal) => ProblemCode::parse(&refusal.code),
            Self::Goodbye(goodbye) => ProblemCode::parse(&goodbye.code),
            _ => None,
        }
    }
}

impl Link {
    /// Opens a connection and waits for the relay's challenge.
    pub(crate) async fn open(
        url: &ServiceUrl,
        trust: ServerTrust,
        environment: &Environment,
    ) -> Result<Opened, LinkError> {
        let timings = &environment.timings;
        let stream = dial(url.host(), url.port(), trust, &[ALPN_HTTP1], environment).await?;
        let address = url.wss(CONNECT_PATH);
        let refused = |source| LinkError::Upgrade { url: address.clone(), source: Box::new(source) };
        let mut request = address.as_str().into_client_request().map_err(refused)?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (mut socket, _) = timeout(timings.connect, upgrade)
            .await
            .map_err(|_| LinkError::Silent(timings.connect))?
            .map_err(refused)?;
        let first = timeout(timings.answer, next_frame(&mut socket))
            .await
            .map_err(|_| LinkError::Silent(timings.answer))??;
        let challenge = match first {
            Some(relay_frame::Body::Challenge(challenge)) => challenge,
            Some(relay_frame::Body::Goodbye(goodbye)) => return Err(LinkError::Goodbye(goodbye)),
            _ => return Err(LinkError::Protocol("something before its challenge")),
        };
        let (out, outgoing) = mpsc::channel(64);
        // Unbounded, because whoever takes frames in also asks (for trees): a full queue would block its own answers.
        let (deliver, incoming) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (sink, stream) = socket.split();
        tokio::spawn(send_out(sink, outgoing, timings.ping));
        // Two pings may go unanswered.
        tokio::spawn(take_in(stream, deliver, waiting.clone(), timings.ping * 3));
        let link = Self { out, waiting, next: Arc::new(AtomicU64::new(1)), answer: timings.answer };
        Ok(Opened { challenge, link, incoming })
    }

    /// Whether it still carries anything.
    pub(crate) fn is_open(&self) -> bool {
        !self.waiting.lock().closed
    }

    /// Asks and waits for the answer; a refusal is an error here. Told to wait, it does so and asks again, as long as
    /// that is no longer than an answer may take.
    pub(crate) async fn ask(&self, body: client_frame::Body) -> Result<reply::Outcome, LinkError> {
        let mut patience = self.answer;
        loop {
            match self.ask_once(body.clone()).await {
                Err(LinkError::Refused(refusal)) => match wait(&refusal, patience) {
                    Some(wait) => {
                        tracing::debug!(wait_ms = refusal.retry_after_ms, "told to wait: {}", refusal.detail);
                        patience -= wait;
                        sleep(wait).await;
                    }
                    None => return Err(LinkError::Refused(refusal)),
                },
                answered => return answered,
            }
        }
    }

    async fn ask_once(&self, body: client_frame::Body) -> Result<reply::Outcome, LinkError> {
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(LinkError::Lost);
            }
            waiting.answers.insert(request, answered);
        }
        self.out.send(ClientFrame { request, body: Some(body) }).await.map_err(|_| LinkError::Lost)?;
        let Ok(outcome) = timeout(self.answer, answer).await else {
            self.waiting.lock().answers.remove(&request);
            return Err(LinkError::Silent(self.answer));
        };
        let outcome = outcome.map_err(|_| LinkError::Lost)?;
        match outcome {
            reply::Outcome::Refused(refusal) => Err(LinkError::Refused(refusal)),
            other => Ok(other),
        }
    }

    /// Tells without waiting for an answer.
    pub(crate) async fn tell(&self, body: client_frame::Body) -> Result<(), LinkError> {
        self.out.send(ClientFrame { request: 0, body: Some(body) }).await.map_err(|_| LinkError::Lost)
    }
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// How long to wait before asking again; `None` where that is no use, or too long to wait here.
fn wait(refusal: &Refusal, patience: Duration) -> Option<Duration> {
    let wait = Duration::from_millis(refusal.retry_after_ms);
    let told = ProblemCode::parse(&refusal.code) == Some(ProblemCode::TooMany) && !wait.is_zero();
    (told && wait <= patience).then_some(wait)
}

/// The next frame; `None` for a ping or pong, which only shows that somebody is there.
async fn next_frame(
    socket: &mut (impl Stream<Item = Received> + Unpin),
) -> Result<Option<relay_frame::Body>, LinkError> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => {
            let frame =
                RelayFrame::decode(bytes).map_err(|_| LinkError::Protocol("a frame that can't be read"))?;
            frame.body.map(Some).ok_or(LinkError::Protocol("an empty frame"))
        }
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(LinkError::Lost),
        Some(Ok(_)) => Err(LinkError::Protocol("a message that is not binary")),
    }
}

type Received = Result<Message, tungstenite::Error>;

/// Takes frames in until the connection ends or falls silent; then every waiter learns that its answer won't come.
async fn take_in(
    mut socket: SplitStream<Socket>,
    deliver: mpsc::UnboundedSender<relay_frame::Body>,
    waiting: Arc<Mutex<Waiting>>,
    silence: Duration,
) {
    loop {
        match timeout(silence, next_frame(&mut socket)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(relay_frame::Body::Reply(reply)))) => {
                let waiter = waiting.lock().answers.remove(&reply.request);
                if let (Some(waiter), Some(outcome)) = (waiter, reply.outcome) {
                    let _ = waiter.send(outcome);
                }
            }
            Ok(Ok(Some(body))) => {
                if deliver.send(body).is_err() {
                    break;
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the connection ends");
                break;
            }
            Err(_) => {
                tracing::debug!("the relay has fallen silent");
                break;
            }
        }
    }
    let mut waiting = waiting.lock();
    waiting.closed = true;
    waiting.answers.clear();
}

/// Sends frames, and pings when there are none, until the link is dropped or the connection ends.
async fn send_out(
    mut socket: SplitSink<Socket, Message>,
    mut outgoing: mpsc::Receiver<ClientFrame>,
    ping: Duration,
) {
    loop {
        let message = match timeout(ping, outgoing.recv()).await {
            Ok(Some(frame)) => Message::Binary(frame.encode_to_vec().into()),
            Ok(None) => break,
            Err(_) => Message::Ping(Bytes::new()),
        };
        if socket.send(message).await.is_err() {
            break;
        }
    }
    let _ = timeout(Duration::from_secs(1), socket.close()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_told_how_long_to_wait_waits_and_not_beyond_its_patience() {
        let refusal = |code: &str, retry_after_ms| Refusal {
            code: code.to_owned(),
            retry_after_ms,
            ..Refusal::default()
        };
        let second = Duration::from_secs(1);
        assert_eq!(wait(&refusal("too-many", 1_000), second), Some(second));
        assert_eq!(wait(&refusal("too-many", 1_001), second), None);
        assert_eq!(wait(&refusal("too-many", 0), second), None, "a full pool does not empty with time");
        assert_eq!(wait(&refusal("stale-epoch", 500), second), None);
    }
}

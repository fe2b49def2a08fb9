//! One authenticated WebSocket to the relay: requests and their replies first, then split for the load.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use wickr_wire::relay::{
    Authenticate, Challenge, ClientFrame, RelayFrame, Reply, Resume, client_frame, relay_frame, reply,
};
use wickr_wire::{CONNECT_PATH, SUBPROTOCOL};

use crate::tls;

/// The socket with its frames.
pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

/// TLS or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where the relay's public port is, and what speaks there; plain without TLS.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsConnector>,
}

/// What a connection of the load sets aside for reading and writing.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    read: usize,
    write: usize,
}

impl Buffers {
    /// For much traffic.
    pub(crate) const LOAD: Self = Self { read: 16 * 1024, write: 64 * 1024 };
    /// For thousands that are idle.
    pub(crate) const IDLE: Self = Self { read: 1024, write: 1024 };
}

/// Answers a challenge.
pub(crate) type Proof = Box<dyn Fn(&Challenge) -> Result<Authenticate> + Send + Sync>;

/// Authenticated and resumed.
pub(crate) struct Connection {
    socket: Socket,
    next: u64,
    /// What came while a reply was waited for.
    pub(crate) heard: Vec<relay_frame::Body>,
}

impl Connection {
    /// Connects, answers the challenge and asks for live delivery; `from` is the address to come from.
    pub(crate) async fn open(
        door: &Door,
        buffers: Buffers,
        from: Option<IpAddr>,
        proof: &Proof,
    ) -> Result<Self> {
        let address = door.address;
        let tcp = TcpSocket::new_v4().context("making a socket")?;
        if let Some(from) = from {
            tcp.bind(SocketAddr::new(from, 0)).context("binding a socket")?;
        }
        let stream = tcp.connect(address).await.context("connecting to the relay")?;
        stream.set_nodelay(true).context("turning Nagle off")?;
        let (scheme, stream): (_, Box<dyn Stream>) = match &door.tls {
            None => ("ws", Box::new(stream)),
            Some(tls) => {
                let stream = tls.connect(tls::name("127.0.0.1")?, stream).await.context("shaking hands")?;
                ("wss", Box::new(stream))
            }
        };
        let url = format!("{scheme}://{address}{CONNECT_PATH}");
        let mut request = url.into_client_request().context("making the request")?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", SUBPROTOCOL.parse().context("naming the subprotocol")?);
        let config = WebSocketConfig::default()
            .read_buffer_size(buffers.read)
            .write_buffer_size(buffers.write)
            .max_write_buffer_size(1 << 20);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .context("upgrading to a WebSocket")?;
        let mut connection = Self { socket, next: 1, heard: Vec::new() };
        let relay_frame::Body::Challenge(challenge) = connection.frame().await? else {
            bail!("no challenge came first")
        };
        connection
            .ask(client_frame::Body::Authenticate(proof(&challenge)?))
            .await
            .context("authenticating")?;
        let resume = Resume { incarnation: Vec::new().into(), cursors: Vec::new(), inbox: 0 };
        connection.ask(client_frame::Body::Resume(resume)).await.context("resuming")?;
        Ok(connection)
    }

    /// Sends a request and waits for its reply; other frames are kept in `heard`.
    pub(crate) async fn ask(&mut self, body: client_frame::Body) -> Result<reply::Outcome> {
        let request = self.next;
        self.next += 1;
        self.socket.send(message(request, body)).await.context("sending a request")?;
        loop {
            match self.frame().await? {
                relay_frame::Body::Reply(Reply { request: answered, outcome }) if answered == request => {
                    return match outcome.context("an empty reply")? {
                        reply::Outcome::Refused(refused) => {
                            bail!("refused: {} ({})", refused.code, refused.detail)
                        }
                        outcome => Ok(outcome),
                    };
                }
                other => self.heard.push(other),
            }
        }
    }

    /// The next frame that is no reply to `ask`.
    pub(crate) async fn hear(&mut self) -> Result<relay_frame::Body> {
        if self.heard.is_empty() { self.frame().await } else { Ok(self.heard.remove(0)) }
    }

    /// Takes what the relay has kept until it says that there is no more of it.
    pub(crate) async fn caught_up(&mut self) -> Result<()> {
        while !matches!(self.hear().await?, relay_frame::Body::CaughtUp(_)) {}
        Ok(())
    }

    /// Takes whatever comes until nothing can come any more.
    pub(crate) async fn until_lost(&mut self) {
        self.heard = Vec::new();
        while self.frame().await.is_ok() {}
    }

    /// The socket, and the number of the next request.
    pub(crate) fn into_socket(self) -> (Socket, u64) {
        (self.socket, self.next)
    }

    async fn frame(&mut self) -> Result<relay_frame::Body> {
        loop {
            let message = self.socket.next().await.context("the relay closed the connection")?;
            if let Some(body) = body(&message.context("reading from the relay")?)? {
                return Ok(body);
            }
        }
    }
}

/// A request as it goes on the wire.
pub(crate) fn message(request: u64, body: client_frame::Body) -> Message {
    Message::Binary(ClientFrame { request, body: Some(body) }.encode_to_vec().into())
}

/// What a frame says; `None` for pings and the like.
pub(crate) fn body(message: &Message) -> Result<Option<relay_frame::Body>> {
    match message {
        Message::Binary(bytes) => Ok(RelayFrame::decode(bytes.clone()).context("reading a frame")?.body),
        Message::Close(reason) => bail!("the relay closed the connection: {reason:?}"),
        _ => Ok(None),
    }
}

//! A device's connection: frames out, frames in, requests and their answers.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wickr_base::UnixMillis;
use wickr_pki::tls::ALPN_HTTP1;
use wickr_wire::relay::{
    Authenticate, ClientFrame, Cursor, Refusal, RelayFrame, Resume, Rooms, Sequenced, client_frame,
    relay_frame, reply,
};
use wickr_wire::{CONNECT_PATH, SUBPROTOCOL, challenge_answer};

use super::Device;
use crate::running::{Running, SOON, World};

impl Device {
    /// Opens a connection; the challenge has come, nothing is proved.
    pub(crate) async fn dial(&mut self, relay: &Running) {
        let tcp = TcpStream::connect(relay.addresses.public).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let tls = Arc::new(relay.world.network.public_client(&[ALPN_HTTP1]));
        let name = relay.addresses.public.ip().into();
        let stream = TlsConnector::from(tls).connect(name, tcp).await.unwrap();
        let mut request =
            format!("wss://{}{CONNECT_PATH}", relay.addresses.public).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        (self.link, self.pending) = (Some(socket), VecDeque::new());
        self.revision += 1;
        let Some(relay_frame::Body::Challenge(challenge)) = self.receive().await else {
            panic!("the first frame is the challenge")
        };
        (self.now, self.challenge) = (UnixMillis(challenge.time_ms), challenge);
    }

    pub(crate) fn proof(&self, token: String) -> Authenticate {
        let hash = digest(&SHA256, token.as_bytes());
        let signed = challenge_answer(&self.challenge.nonce, hash.as_ref(), self.revision);
        let signature = self.identity.key.sign_der(&signed).unwrap();
        let certificate = Bytes::copy_from_slice(&self.identity.certificate);
        Authenticate {
            session_token: token,
            signature: signature.into(),
            certificate,
            store_revision: self.revision,
        }
    }

    pub(crate) async fn authenticate(&mut self, world: &World) -> Result<(), Refusal> {
        let proof = self.proof(world.token(&self.identity, &self.session));
        self.ask(client_frame::Body::Authenticate(proof)).await.map(drop)
    }

    pub(crate) async fn resume(&mut self) -> Rooms {
        let cursors =
            self.cursors.iter().map(|(room, seq)| Cursor { room: room.to_string(), seq: *seq }).collect();
        let resume = Resume { incarnation: self.incarnation.clone(), cursors, inbox: self.inbox };
        match self.ask(client_frame::Body::Resume(resume)).await {
            Ok(reply::Outcome::Rooms(rooms)) => {
                self.incarnation.clone_from(&rooms.incarnation);
                rooms
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn come_online(&mut self, relay: &Running) -> Rooms {
        self.dial(relay).await;
        self.authenticate(&relay.world).await.unwrap();
        self.resume().await
    }

    pub(crate) fn go_offline(&mut self) {
        self.link = None;
    }

    /// The next frame that is no answer; `None` when the connection is over.
    pub(crate) async fn receive(&mut self) -> Option<relay_frame::Body> {
        match self.pending.pop_front() {
            Some(body) => Some(body),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Option<relay_frame::Body> {
        loop {
            let link = self.link.as_mut()?;
            match timeout(SOON, link.next()).await.unwrap() {
                Some(Ok(Message::Binary(bytes))) => return RelayFrame::decode(bytes).unwrap().body,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => {
                    self.link = None;
                    return None;
                }
            }
        }
    }

    pub(crate) async fn tell(&mut self, request: u64, body: client_frame::Body) {
        let frame = ClientFrame { request, body: Some(body) };
        self.send_bytes(frame.encode_to_vec()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.link.as_mut().unwrap().send(Message::Binary(bytes.into())).await.unwrap();
    }

    /// Asks without waiting; gives the request's number.
    pub(crate) async fn ask_later(&mut self, body: client_frame::Body) -> u64 {
        self.requests += 1;
        self.tell(self.requests, body).await;
        self.requests
    }

    /// The answer to a request; what comes before it is kept.
    pub(crate) async fn answer(&mut self, request: u64) -> Result<reply::Outcome, Refusal> {
        loop {
            match self.read().await {
                Some(relay_frame::Body::Reply(reply)) if reply.request == request => {
                    return match reply.outcome.unwrap() {
                        reply::Outcome::Refused(refusal) => Err(refusal),
                        outcome => Ok(outcome),
                    };
                }
                Some(other) => self.pending.push_back(other),
                None => panic!("the connection ended before the answer came: {:?}", self.pending),
            }
        }
    }

    pub(crate) async fn ask(&mut self, body: client_frame::Body) -> Result<reply::Outcome, Refusal> {
        let request = self.ask_later(body).await;
        self.answer(request).await
    }

    pub(crate) async fn sequenced(&mut self, body: client_frame::Body) -> Result<Sequenced, Refusal> {
        match self.ask(body).await? {
            reply::Outcome::Sequenced(sequenced) => Ok(sequenced),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the end of the connection and gives its reason.
    pub(crate) async fn goodbye(&mut self) -> String {
        loop {
            match self.receive().await {
                Some(relay_frame::Body::Goodbye(goodbye)) => return goodbye.code,
                Some(_) => {}
                None => panic!("the connection ended without a word"),
            }
        }
    }

    pub(crate) async fn caught_up(&mut self) {
        let mut kept = VecDeque::new();
        loop {
            match self.receive().await {
                Some(relay_frame::Body::CaughtUp(_)) => break,
                Some(other) => kept.push_back(other),
                None => panic!("the connection ended; before: {kept:?}"),
            }
        }
        kept.append(&mut self.pending);
        self.pending = kept;
    }
}

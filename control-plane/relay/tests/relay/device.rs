//! A device: its identity and MLS state, and its connection when it has one.
//! How it speaks with the relay: `link`; what it does in rooms: `acting`; what it makes of what comes: `taking_in`.

mod acting;
mod link;
mod taking_in;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use wickr_base::{DeviceId, MemberUri, MessageId, RoomId, UnixMillis, UserId};
use wickr_e2ee::{Engine, Identity, MemoryStore, Room};
use wickr_service::testing::TestDevice;
use wickr_wire::relay::{Challenge, relay_frame};

use crate::running::World;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// What one entry was to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Own(MessageId),
    Committed { own: bool },
    RemovalProposed,
    Removed,
    Started,
    Expired { through: u64 },
}

pub(crate) struct Device {
    pub(crate) identity: TestDevice,
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) rooms: BTreeMap<RoomId, Room>,
    /// Up to where each room was taken in.
    pub(crate) cursors: BTreeMap<RoomId, u64>,
    pub(crate) inbox: u64,
    pub(crate) incarnation: Bytes,
    pub(crate) session: String,
    /// How far its own store has come.
    pub(crate) revision: u64,
    link: Option<Socket>,
    challenge: Challenge,
    pub(crate) pending: VecDeque<relay_frame::Body>,
    requests: u64,
    now: UnixMillis,
}

impl Device {
    pub(crate) fn new(world: &World, identity: TestDevice) -> Self {
        let pkcs8 = identity.key.to_pkcs8().unwrap();
        let member = Identity::new(identity.certificate.to_vec(), &pkcs8).unwrap();
        Self {
            engine: Engine::new(world.e2ee(), member).unwrap(),
            session: format!("session of {}", identity.device),
            identity,
            store: MemoryStore::default(),
            rooms: BTreeMap::new(),
            cursors: BTreeMap::new(),
            inbox: 0,
            incarnation: Bytes::new(),
            revision: 0,
            link: None,
            challenge: Challenge::default(),
            pending: VecDeque::new(),
            requests: 0,
            now: world.now(),
        }
    }

    pub(crate) fn user(&self) -> UserId {
        self.identity.user
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.identity.device
    }

    pub(crate) fn uri(&self) -> &MemberUri {
        &self.identity.uri
    }
}

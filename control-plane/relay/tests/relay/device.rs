//! A device: its identity and MLS state, and its connection when it has one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wickr_base::{
    DeviceId, Generation, GroupId, MemberUri, MessageId, RoomId, SystemRng, UnixMillis, UserId,
};
use wickr_e2ee::{Engine, Event, Identity, Invited, MemoryStore, Room, RoomKind, RoomRules};
use wickr_pki::tls::ALPN_HTTP1;
use wickr_service::testing::TestDevice;
use wickr_wire::content::{Kind, Outer};
use wickr_wire::relay::{
    Acknowledge, Authenticate, Challenge, ClaimKeyPackages, ClientFrame, CreateRoom, Cursor, Entry,
    FetchTree, InboxEntry, PublishKeyPackages, Refusal, RelayFrame, Resume, Rooms, SendMessage, Sequenced,
    SubmitCommit, SubmitProposal, client_frame, entry, relay_frame, reply,
};
use wickr_wire::{CONNECT_PATH, SUBPROTOCOL, challenge_answer};

use crate::running::{Running, SOON, World};

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

    pub(crate) async fn publish(&mut self, count: usize) {
        let one_time = self.engine.key_packages(count, self.now, &mut self.store).unwrap();
        let last_resort = self.engine.last_resort(self.now, &mut self.store).unwrap();
        let publish = PublishKeyPackages {
            one_time: one_time.into_iter().map(Bytes::from).collect(),
            last_resort: last_resort.into(),
        };
        self.ask(client_frame::Body::PublishKeyPackages(publish)).await.unwrap();
    }

    pub(crate) async fn claim(&mut self, users: &[UserId]) -> Result<Vec<(MemberUri, Bytes)>, Refusal> {
        let users = users.iter().map(ToString::to_string).collect();
        let domain = self.uri().domain().clone();
        match self.ask(client_frame::Body::ClaimKeyPackages(ClaimKeyPackages { users })).await? {
            reply::Outcome::KeyPackages(packages) => Ok(packages
                .packages
                .into_iter()
                .map(|one| {
                    let (user, device) = (one.user.parse().unwrap(), one.device.parse().unwrap());
                    (MemberUri::Device { domain: domain.clone(), user, device }, one.package)
                })
                .collect()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn rules(&self) -> RoomRules {
        RoomRules { kind: RoomKind::Group, hub: self.uri().domain().clone(), moderators: Vec::new() }
    }

    /// A new room of this device, not shown to the relay.
    pub(crate) fn new_room(&mut self) -> (RoomId, CreateRoom) {
        let id = RoomId::random(self.uri().domain().clone(), &SystemRng);
        let room = self.engine.create(&id.group(Generation(0)), &self.rules(), self.now).unwrap();
        let (group_info, tree) = (room.group_info().unwrap().into(), room.tree().unwrap().into());
        self.rooms.insert(id.clone(), room);
        let create = CreateRoom { room: id.to_string(), group_info, tree };
        (id, create)
    }

    pub(crate) async fn create_room(&mut self) -> RoomId {
        let (id, create) = self.new_room();
        let sequenced = self.sequenced(client_frame::Body::CreateRoom(create)).await.unwrap();
        assert_eq!(sequenced.seq, 1);
        self.cursors.insert(id.clone(), 1);
        id
    }

    /// Shows that the connection works, whatever else the device has forgotten.
    pub(crate) async fn create_room_without_state(&mut self) {
        self.ask(client_frame::Body::PublishKeyPackages(PublishKeyPackages::default())).await.unwrap();
    }

    /// A commit that adds these people's devices.
    pub(crate) async fn adding(&mut self, room: &RoomId, users: &[UserId]) -> SubmitCommit {
        let packages = self.claim(users).await.unwrap();
        let invited: Vec<Invited<'_>> = packages
            .iter()
            .map(|(device, package)| Invited { device: device.clone(), key_package: package })
            .collect();
        let now = self.now;
        let out = self.room(room).add(&invited, now).unwrap();
        self.submission(room, out)
    }

    pub(crate) fn submission(&mut self, room: &RoomId, out: wickr_e2ee::CommitOut) -> SubmitCommit {
        SubmitCommit {
            id: Bytes::copy_from_slice(&MessageId::random(&SystemRng).0),
            room: room.to_string(),
            generation: self.room(room).group().generation.0,
            epoch: out.epoch,
            commit: out.commit.into(),
            welcomes: out.welcome.into_iter().map(Bytes::from).collect(),
            group_info: out.group_info.into(),
        }
    }

    pub(crate) async fn add(&mut self, room: &RoomId, users: &[UserId]) -> Result<Sequenced, Refusal> {
        let submit = self.adding(room, users).await;
        self.sequenced(client_frame::Body::SubmitCommit(submit)).await
    }

    pub(crate) fn removing(&mut self, room: &RoomId, members: &[MemberUri]) -> SubmitCommit {
        let now = self.now;
        let out = self.room(room).remove(members, now).unwrap();
        self.submission(room, out)
    }

    pub(crate) async fn remove(
        &mut self,
        room: &RoomId,
        members: &[MemberUri],
    ) -> Result<Sequenced, Refusal> {
        let submit = self.removing(room, members);
        self.sequenced(client_frame::Body::SubmitCommit(submit)).await
    }

    pub(crate) async fn commit(&mut self, room: &RoomId) -> Result<Sequenced, Refusal> {
        let now = self.now;
        let out = self.room(room).path_commit(now).unwrap();
        let submit = self.submission(room, out);
        self.sequenced(client_frame::Body::SubmitCommit(submit)).await
    }

    pub(crate) async fn leave(&mut self, room: &RoomId) -> Result<Sequenced, Refusal> {
        let proposal = self.room(room).propose_leave().unwrap();
        let submit = SubmitProposal {
            id: Bytes::copy_from_slice(&MessageId::random(&SystemRng).0),
            room: room.to_string(),
            generation: self.room(room).group().generation.0,
            epoch: self.room(room).epoch(),
            proposal: proposal.into(),
        };
        self.sequenced(client_frame::Body::SubmitProposal(submit)).await
    }

    pub(crate) fn room(&mut self, room: &RoomId) -> &mut Room {
        self.rooms.get_mut(room).unwrap()
    }

    pub(crate) fn outer(id: MessageId, expires_at_ms: i64) -> Outer {
        Outer {
            version: 1,
            kind: Kind::Text.into(),
            label: String::new(),
            expires_at_ms,
            message_id: id.0.to_vec(),
        }
    }

    /// A sealed text as a frame.
    pub(crate) fn sealed(&mut self, room: &RoomId, text: &str, outer: &Outer) -> client_frame::Body {
        let message = self.room(room).seal(text.as_bytes(), outer).unwrap();
        client_frame::Body::SendMessage(SendMessage {
            room: room.to_string(),
            generation: self.room(room).group().generation.0,
            message: message.into(),
        })
    }

    pub(crate) async fn send(&mut self, room: &RoomId, text: &str) -> Result<Sequenced, Refusal> {
        let outer = Self::outer(MessageId::random(&SystemRng), 0);
        let frame = self.sealed(room, text, &outer);
        self.sequenced(frame).await
    }

    pub(crate) async fn acknowledge(&mut self) {
        let cursors =
            self.cursors.iter().map(|(room, seq)| Cursor { room: room.to_string(), seq: *seq }).collect();
        self.revision += 1;
        let acknowledge = Acknowledge { cursors, inbox: self.inbox, store_revision: self.revision };
        self.ask(client_frame::Body::Acknowledge(acknowledge)).await.unwrap();
    }

    /// The next delivery of that room; frames about other things are kept for later.
    pub(crate) async fn next_entries(&mut self, room: &RoomId) -> Vec<Entry> {
        let mut kept = VecDeque::new();
        let found = loop {
            match self.receive().await {
                Some(relay_frame::Body::Deliver(deliver)) if deliver.room == room.to_string() => {
                    break deliver.entries;
                }
                Some(other) => kept.push_back(other),
                None => panic!("the connection ended; before: {kept:?}"),
            }
        };
        kept.append(&mut self.pending);
        self.pending = kept;
        found
    }

    /// Takes deliveries of the room in until its cursor is there. Checks that no entry is missing or comes twice.
    pub(crate) async fn take_in_until(&mut self, room: &RoomId, seq: u64) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.cursors.get(room).copied().unwrap_or(0) < seq {
            for entry in self.next_entries(room).await {
                seen.push(self.take_in(room, entry));
            }
        }
        seen
    }

    pub(crate) fn take_in(&mut self, room: &RoomId, entry: Entry) -> Seen {
        let cursor = self.cursors.entry(room.clone()).or_insert(0);
        assert_eq!(entry.seq, *cursor + 1, "no entry is missing and none comes twice");
        *cursor = entry.seq;
        let at = UnixMillis(entry.time_ms);
        match entry.body.unwrap() {
            entry::Body::Application(message) => match self.room(room).process(&message, at).unwrap() {
                Event::Message { plaintext, .. } => {
                    Seen::Text(String::from_utf8(plaintext.expose().clone()).unwrap())
                }
                other => panic!("{other:?}"),
            },
            entry::Body::Own(own) => Seen::Own(MessageId::from_slice(&own.message_id).unwrap()),
            entry::Body::Commit(commit) => match self.room(room).process(&commit.commit, at).unwrap() {
                Event::Committed(committed) => Seen::Committed { own: committed.own },
                Event::Removed { .. } => Seen::Removed,
                other => panic!("{other:?}"),
            },
            entry::Body::Proposal(proposal) => match self.room(room).process(&proposal, at).unwrap() {
                Event::RemovalProposed(_) => Seen::RemovalProposed,
                other => panic!("{other:?}"),
            },
            entry::Body::Expired(expired) => {
                self.cursors.insert(room.clone(), expired.through);
                Seen::Expired { through: expired.through }
            }
            entry::Body::GenerationStarted(_) => Seen::Started,
        }
    }

    /// The next Welcome; it comes before anything of its room.
    pub(crate) async fn next_welcome(&mut self) -> InboxEntry {
        let mut kept = VecDeque::new();
        let entry = loop {
            match self.receive().await {
                Some(relay_frame::Body::Inbox(mut inbox)) => {
                    let entry = inbox.entries.remove(0);
                    if !inbox.entries.is_empty() {
                        self.pending.push_front(relay_frame::Body::Inbox(inbox));
                    }
                    break entry;
                }
                Some(other) => kept.push_back(other),
                None => panic!("the connection ended; before: {kept:?}"),
            }
        };
        let early = kept
            .iter()
            .any(|frame| matches!(frame, relay_frame::Body::Deliver(deliver) if deliver.room == entry.room));
        assert!(!early, "the Welcome comes before the entries of its room");
        kept.append(&mut self.pending);
        self.pending = kept;
        self.inbox = entry.number;
        entry
    }

    /// Joins the room of the next Welcome, which must be this one.
    pub(crate) async fn join(&mut self, room: &RoomId) {
        let entry = self.next_welcome().await;
        assert_eq!(entry.room, room.to_string());
        let fetch = FetchTree { room: entry.room, generation: entry.generation, epoch: entry.epoch };
        let tree = match self.ask(client_frame::Body::FetchTree(fetch)).await.unwrap() {
            reply::Outcome::Tree(tree) => tree.tree,
            other => panic!("{other:?}"),
        };
        let joined = self.engine.join(&entry.welcome, &tree, &self.store).unwrap();
        let expected = GroupId { room: room.clone(), generation: Generation(entry.generation) };
        assert_eq!(joined.group(), &expected);
        self.rooms.insert(room.clone(), joined);
        let cursor = self.cursors.entry(room.clone()).or_insert(0);
        *cursor = entry.seq.max(*cursor);
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

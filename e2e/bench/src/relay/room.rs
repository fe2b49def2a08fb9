//! Two devices meet in a room as clients would; then one seals messages beforehand and sends, the other counts.

use std::sync::Arc;
use std::vec::IntoIter;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wickr_base::{Clock, Generation, GroupId, MessageId, RoomId, SystemRng, UnixMillis};
use wickr_e2ee::{DeviceIssuers, Engine, Identity, Invited, MemoryStore, Network, Room, RoomRules, Suite};
use wickr_service::testing::{TestDevice, TestNetwork};
use wickr_wire::content::{Kind, Outer};
use wickr_wire::relay::{
    ClaimKeyPackages, CreateRoom, PublishKeyPackages, SendMessage, SubmitCommit, client_frame, entry,
    relay_frame, reply,
};

use super::connection::{Connection, Proof, Socket, body, message};
use super::identity::TokenSigner;
use crate::pair::{PAYLOAD, Receiver, Sender};

/// One device with its keys.
pub(crate) struct Party {
    device: TestDevice,
    engine: Engine,
    store: MemoryStore,
    clock: Arc<dyn Clock>,
}

/// Two who are in one room.
pub(crate) struct Pair {
    group: GroupId,
    room: Room,
    from: Connection,
    to: Connection,
}

impl Party {
    /// A new device of a new person.
    pub(crate) fn new(network: &TestNetwork, clock: &Arc<dyn Clock>) -> Result<Self> {
        let device = network.device();
        let checker = DeviceIssuers {
            domain: network.domain.clone(),
            anchors: vec![network.device_issuer.certificate.clone()],
        };
        let identity =
            Identity::new(device.certificate.to_vec(), &device.key.to_pkcs8().context("exporting the key")?)
                .context("using the device's key")?;
        let mls = Network {
            domain: network.domain.clone(),
            suite: Suite::P256,
            hub_certificate: network.hub.certificate.to_vec(),
            devices: Arc::new(checker),
        };
        let engine = Engine::new(mls, identity).context("making the engine")?;
        Ok(Self { device, engine, store: MemoryStore::default(), clock: Arc::clone(clock) })
    }

    /// How it answers the relay's challenge.
    pub(crate) fn proof(&self, signer: &TokenSigner) -> Result<Proof> {
        signer.proof(&self.device)
    }
}

impl Pair {
    /// `one` makes a room and adds `other`, by the relay, as clients do.
    pub(crate) async fn meet(
        one: &mut Party,
        mut from: Connection,
        other: &mut Party,
        mut to: Connection,
    ) -> Result<Self> {
        let now = one.clock.now();
        let packages = other.engine.key_packages(1, now, &mut other.store).context("making a key package")?;
        let publish = PublishKeyPackages {
            one_time: packages.into_iter().map(Bytes::from).collect(),
            ..PublishKeyPackages::default()
        };
        to.ask(client_frame::Body::PublishKeyPackages(publish)).await.context("publishing")?;

        let hub = one.engine.network().domain.clone();
        let group = RoomId::random(hub.clone(), &SystemRng).group(Generation(0));
        let mut room = one.engine.create(&group, &RoomRules::group(hub), now).context("making a room")?;
        let create = CreateRoom {
            room: group.room.to_string(),
            group_info: room.group_info().context("signing a GroupInfo")?.into(),
            tree: room.tree().context("exporting the tree")?.into(),
        };
        from.ask(client_frame::Body::CreateRoom(create)).await.context("creating a room")?;

        let claim = ClaimKeyPackages { users: vec![other.device.user.to_string()] };
        let claimed = from.ask(client_frame::Body::ClaimKeyPackages(claim)).await.context("claiming")?;
        let reply::Outcome::KeyPackages(claimed) = claimed else { bail!("no key packages came") };
        let package = claimed.packages.first().context("no package was claimed")?;
        let invited = Invited { device: other.device.uri.clone(), key_package: &package.package };
        let out = room.add(&[invited], now).context("adding the other")?;
        let submit = SubmitCommit {
            id: Bytes::copy_from_slice(&MessageId::random(&SystemRng).0),
            room: group.room.to_string(),
            generation: group.generation.0,
            epoch: out.epoch,
            commit: out.commit.into(),
            welcomes: out.welcome.into_iter().map(Bytes::from).collect(),
            group_info: out.group_info.into(),
        };
        from.ask(client_frame::Body::SubmitCommit(submit)).await.context("committing")?;
        let (commit, at) = commit_of(&mut from).await?;
        room.process(&commit, at).context("applying the commit")?;
        Ok(Self { group, room, from, to })
    }

    /// Seals the messages that will be sent and splits the connections for the load.
    pub(crate) fn seal(
        mut self,
        messages: usize,
        one: &mut Party,
    ) -> Result<(Box<dyn Sender>, Box<dyn Receiver>)> {
        let plain = [0x5a; PAYLOAD];
        let mut sealed = Vec::with_capacity(messages);
        for _ in 0..messages {
            let id = Bytes::copy_from_slice(&MessageId::random(&SystemRng).0);
            let outer = Outer {
                version: 1,
                kind: Kind::Text.into(),
                label: String::new(),
                expires_at_ms: 0,
                message_id: id.to_vec(),
            };
            sealed.push(Bytes::from(self.room.seal(&plain, &outer).context("sealing")?));
        }
        self.room.save(&mut one.store).context("saving the room")?;
        let (socket, next) = self.from.into_socket();
        let (sink, replies) = socket.split();
        let sender = RelaySender {
            sink,
            replies,
            sealed: sealed.into_iter(),
            room: self.group.room.to_string(),
            generation: self.group.generation.0,
            next,
        };
        let (socket, _) = self.to.into_socket();
        let (keep, deliveries) = socket.split();
        Ok((Box::new(sender), Box::new(RelayReceiver { deliveries, _keep: keep, count: 0 })))
    }
}

/// The commit as it comes back in the log, with the relay's time.
async fn commit_of(connection: &mut Connection) -> Result<(Bytes, UnixMillis)> {
    loop {
        let relay_frame::Body::Deliver(deliver) = connection.hear().await? else { continue };
        for entry in deliver.entries {
            if let Some(entry::Body::Commit(commit)) = entry.body {
                return Ok((commit.commit, UnixMillis(entry.time_ms)));
            }
        }
    }
}

struct RelaySender {
    sink: SplitSink<Socket, Message>,
    replies: SplitStream<Socket>,
    sealed: IntoIter<Bytes>,
    room: String,
    generation: u32,
    next: u64,
}

#[async_trait::async_trait]
impl Sender for RelaySender {
    async fn send(&mut self, _: u64) -> Result<()> {
        let sealed = self.sealed.next().context(
            "all messages that were sealed beforehand are sent: the relay was faster than expected",
        )?;
        let send = SendMessage { room: self.room.clone(), generation: self.generation, message: sealed };
        let request = self.next;
        self.next += 1;
        self.sink
            .feed(message(request, client_frame::Body::SendMessage(send)))
            .await
            .context("sending a message")
    }

    async fn flush(&mut self) -> Result<()> {
        self.sink.flush().await.context("flushing")
    }

    async fn acknowledged(&mut self) -> Result<usize> {
        loop {
            let message = self
                .replies
                .next()
                .await
                .context("the relay closed the connection")?
                .context("reading a reply")?;
            let Some(relay_frame::Body::Reply(reply)) = body(&message)? else { continue };
            match reply.outcome.context("an empty reply")? {
                reply::Outcome::Sequenced(_) => return Ok(1),
                other => bail!("the relay answered {other:?}"),
            }
        }
    }
}

struct RelayReceiver {
    deliveries: SplitStream<Socket>,
    _keep: SplitSink<Socket, Message>,
    count: u64,
}

#[async_trait::async_trait]
impl Receiver for RelayReceiver {
    async fn delivered(&mut self, numbers: &mut Vec<u64>) -> Result<()> {
        while numbers.is_empty() {
            let message = self
                .deliveries
                .next()
                .await
                .context("the relay closed the connection")?
                .context("reading")?;
            let Some(relay_frame::Body::Deliver(deliver)) = body(&message)? else { continue };
            for entry in deliver.entries {
                if matches!(entry.body, Some(entry::Body::Application(_))) {
                    numbers.push(self.count);
                    self.count += 1;
                }
            }
        }
        Ok(())
    }
}

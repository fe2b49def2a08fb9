//! What a device does: key packages, rooms, commits, messages.

use bytes::Bytes;
use wickr_base::{Generation, MemberUri, MessageId, RoomId, SystemRng, UserId};
use wickr_e2ee::{Invited, Room, RoomKind, RoomRules};
use wickr_wire::content::{Kind, Outer};
use wickr_wire::relay::{
    ClaimKeyPackages, CreateRoom, PublishKeyPackages, Refusal, SendMessage, Sequenced, SubmitCommit,
    SubmitProposal, client_frame, reply,
};

use super::Device;

impl Device {
    pub(crate) async fn publish(&mut self, count: usize) {
        let one_time = self.engine.key_packages(count, self.now, &mut self.store).unwrap();
        let last_resort = self.engine.last_resort(self.now, &mut self.store).unwrap();
        let publish = PublishKeyPackages {
            one_time: one_time.into_iter().map(Bytes::from).collect(),
            last_resort: last_resort.into(),
            replace: false,
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
        self.adding_packages(room, &packages)
    }

    /// A commit that adds these devices.
    pub(crate) fn adding_packages(&mut self, room: &RoomId, packages: &[(MemberUri, Bytes)]) -> SubmitCommit {
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
}

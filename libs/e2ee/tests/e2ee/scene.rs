//! Alice's room with mallory in it, who keeps to no rule (`raw`), and what the relay answers.

use mls_rs::{ExtensionList, MlsMessage};
use wickr_e2ee::*;
use wickr_wire::ProblemCode;

use crate::raw::{Raw, RawGroup, mls_time};
use crate::world::*;

/// Alice's room with mallory in it.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) alice: Device,
    pub(crate) room: Room,
    pub(crate) mallory: Raw,
    pub(crate) group: RawGroup,
    pub(crate) relay: Relay,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Raw::new)
    }

    pub(crate) fn with(make: impl FnOnce(&World) -> Raw) -> Self {
        let world = World::new();
        let mut alice = world.device();
        let mallory = make(&world);
        let (mut room, mut relay) = world.room(&mut alice);
        let out = room.add(&[mallory.package().invited()], world.now).unwrap();
        relay.submit(&alice.uri, &out.commit).unwrap();
        room.process(&out.commit, world.now).unwrap();
        let group = mallory.join(&out, &relay);
        Self { world, alice, room, mallory, group, relay }
    }

    /// The relay's answer to mallory's commit.
    pub(crate) fn answer(&self, commit: &MlsMessage) -> Result<Accepted, Refused> {
        self.relay.judge(&self.mallory.uri, &commit.to_bytes().unwrap())
    }

    pub(crate) fn refusal(&self, commit: &MlsMessage) -> Refused {
        let before = self.relay.observer.snapshot().unwrap();
        let refused = self.answer(commit).unwrap_err();
        assert_eq!(self.relay.observer.snapshot().unwrap(), before, "a refusal changes nothing");
        refused
    }

    /// The refusal of a commit that is wrong by a rule: always the same code; the detail says which.
    pub(crate) fn breach(&self, commit: &MlsMessage, says: &str) {
        let refused = self.refusal(commit);
        assert_eq!(refused.code, ProblemCode::CommitRefused, "{refused}");
        assert!(refused.detail.contains(says), "{refused}");
    }

    pub(crate) fn with_extensions(&mut self, change: impl FnOnce(&mut ExtensionList)) -> MlsMessage {
        let mut list = self.group.context().extensions.clone();
        change(&mut list);
        let builder = self.group.commit_builder().commit_time(mls_time(self.world.now));
        builder.set_group_context_ext(list).unwrap().build().unwrap().commit_message
    }

    pub(crate) fn adding(&mut self, package: &[u8]) -> MlsMessage {
        let package = MlsMessage::from_bytes(package).unwrap();
        let builder = self.group.commit_builder().commit_time(mls_time(self.relay.now));
        builder.add_member(package).unwrap().build().unwrap().commit_message
    }
}

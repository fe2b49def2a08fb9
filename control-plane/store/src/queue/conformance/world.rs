//! A small world for tests: a few people with a device each, a few rooms, and what they do.

use bytes::Bytes;
use wickr_base::{
    DeviceId, Domain, Generation, MemberUri, MessageId, RoomId, SeededRng, Seq, UnixMillis, UserId,
};

use super::super::{
    Append, At, CursorMove, DeviceRevision, EntryKind, Handshake, Next, Operation, PoolEntry, Publish,
    RoomMeta, Welcome,
};

/// Who and what there is; the same in every test.
#[derive(Debug)]
pub struct World {
    /// The network.
    pub domain: Domain,
    /// People and their device.
    pub people: Vec<(UserId, DeviceId)>,
    /// Rooms.
    pub rooms: Vec<RoomId>,
}

impl World {
    /// Four people, three rooms.
    #[expect(clippy::expect_used, reason = "a constant that parses")]
    pub fn new() -> Self {
        let rng = SeededRng::new(11);
        let domain: Domain = "hq.example".parse().expect("the domain is one");
        let people = (0..4).map(|_| (UserId::random(&rng), DeviceId::random(&rng))).collect();
        let rooms = (0..3).map(|_| RoomId::random(domain.clone(), &rng)).collect();
        Self { domain, people, rooms }
    }

    /// A person's device.
    pub fn device(&self, person: usize) -> DeviceId {
        self.people[person].1
    }

    /// A person's leaf.
    pub fn uri(&self, person: usize) -> MemberUri {
        let (user, device) = self.people[person];
        MemberUri::Device { domain: self.domain.clone(), user, device }
    }

    /// Somebody creates a room.
    pub fn create(&self, room: usize, person: usize) -> Operation {
        Operation::Handshake(Box::new(Handshake {
            room: self.rooms[room].clone(),
            at: At::New { owner: self.people[person].0 },
            next: Next { generation: Generation(0), epoch: 0, removed_leaf: false },
            sender: Some(self.device(person)),
            id: MessageId(*self.rooms[room].uuid().as_bytes()),
            kind: EntryKind::GenerationStarted,
            body: Bytes::new(),
            state: Bytes::from_static(b"epoch 0"),
            joined: vec![self.uri(person)],
            left: Vec::new(),
            welcome: None,
        }))
    }

    /// A commit that fits the room as `meta` describes it.
    pub fn commit(&self, meta: &RoomMeta, by: usize, id: u8, add: &[usize], remove: &[usize]) -> Handshake {
        let epoch = meta.epoch + 1;
        let welcome = (!add.is_empty()).then(|| Welcome {
            message: Bytes::from(format!("welcome to {} at {epoch}", meta.id)),
            tree: Bytes::from(format!("tree at {epoch}")),
            recipients: add.iter().map(|person| self.device(*person)).collect(),
        });
        Handshake {
            room: meta.id.clone(),
            at: At::Current { generation: meta.generation, epoch: meta.epoch, revision: meta.revision },
            next: Next { generation: meta.generation, epoch, removed_leaf: !remove.is_empty() },
            sender: Some(self.device(by)),
            id: MessageId([id; 16]),
            kind: EntryKind::Commit,
            body: Bytes::from(format!("commit {id} to epoch {epoch}")),
            state: Bytes::from(format!("epoch {epoch}")),
            joined: add.iter().map(|person| self.uri(*person)).collect(),
            left: remove.iter().map(|person| self.uri(*person)).collect(),
            welcome,
        }
    }

    /// A message for the room as `meta` describes it.
    pub fn message(&self, meta: &RoomMeta, by: usize, id: u8, expires_at: Option<UnixMillis>) -> Operation {
        Operation::Append(Append {
            room: meta.number,
            generation: meta.generation,
            epoch: meta.epoch,
            sender: self.device(by),
            id: MessageId([id; 16]),
            expires_at,
            body: Bytes::from(format!("message {id} of {by}")),
        })
    }

    /// Key packages named by a letter, all with the same end.
    pub fn publish(&self, person: usize, names: &str, last_resort: bool, not_after: UnixMillis) -> Operation {
        let (user, device) = self.people[person];
        let entry = |package: Bytes| PoolEntry { package, not_after };
        Operation::Publish(Box::new(Publish {
            user,
            device,
            one_time: names.bytes().map(|name| entry(Bytes::copy_from_slice(&[name]))).collect(),
            last_resort: last_resort.then(|| entry(Bytes::from_static(b"last resort"))),
            replace: false,
        }))
    }

    /// Somebody's device signs in with its store at that revision.
    pub fn signs_in(&self, person: usize, revision: u64) -> Operation {
        Operation::SignIn(DeviceRevision { device: self.device(person), revision })
    }

    /// The stores of these people's devices have come as far as that.
    pub fn notes(&self, revisions: &[(usize, u64)]) -> Operation {
        let noted = |&(person, revision)| DeviceRevision { device: self.device(person), revision };
        Operation::NoteRevisions(revisions.iter().map(noted).collect())
    }

    /// Somebody holds a room up to there.
    pub fn hold(&self, meta: &RoomMeta, person: usize, seq: u64) -> Operation {
        Operation::MoveCursors(vec![CursorMove {
            device: self.device(person),
            room: meta.number,
            seq: Seq(seq),
        }])
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

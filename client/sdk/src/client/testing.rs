//! Clients without a network: each with its own store, and a room's log that a test hands them (the real relay:
//! `e2e/in-process`).

use std::sync::Arc;

use parking_lot::Mutex;
use wickr_base::{
    Clock, Generation, Incarnation, ManualClock, MemberUri, MessageId, RoomId, Secret, Seq, SystemClock,
    SystemRng, UnixMillis, UserId,
};
use wickr_e2ee::{Invited, RoomRules};
use wickr_pki::trust::read_document;
use wickr_service::testing::{TestDevice, TestNetwork};
use wickr_wire::content::Outer;
use wickr_wire::relay::{
    CommitEntry, Deliver, Entry, GenerationEntry, InboxEntry, OwnEntry, RoomState, Rooms, entry,
};

use super::commit::{Guest, Wanted};
use super::core::{Core, Standing};
use super::outbox::Sealed;
use crate::environment::{Environment, Resolve};
use crate::network::Believed;
use crate::store::{Account, CommitReason, Membership, OwnCommit, Place, Room, Store, Unsent, UnsentState};
use crate::timings::Timings;

pub(super) struct Net {
    network: TestNetwork,
    clock: Arc<ManualClock>,
    believed: Believed,
}

pub(super) struct Party {
    pub(super) core: Arc<Core>,
    pub(super) uri: MemberUri,
}

/// A room's log as the relay would keep it.
#[derive(Default)]
pub(super) struct Log {
    entries: Mutex<Vec<Entry>>,
}

impl Net {
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        let network = TestNetwork::new("hq.example", clock.clone());
        let document = network.document(1, "wss://127.0.0.1:1", "https://127.0.0.1:2");
        let trusted = read_document(&network.sign(&document), &[network.pin()], clock.now()).unwrap();
        Self { network, clock, believed: Believed::new(trusted).unwrap() }
    }

    pub(super) fn party(&self, name: &str) -> Party {
        let store = Store::in_memory(&Secret::new([3; 32]), Arc::new(SystemRng)).unwrap();
        self.party_with(name, store)
    }

    /// One more device of that person.
    pub(super) fn party_of(&self, name: &str, user: UserId) -> Party {
        let store = Store::in_memory(&Secret::new([3; 32]), Arc::new(SystemRng)).unwrap();
        self.party_on(name, store, self.network.device_of(user))
    }

    pub(super) fn party_with(&self, name: &str, store: Store) -> Party {
        self.party_on(name, store, self.network.device())
    }

    fn party_on(&self, name: &str, store: Store, device: TestDevice) -> Party {
        let account = Account {
            domain: self.network.domain.clone(),
            user: device.user,
            device: device.device,
            handle: format!("{name}@hq.example").parse().unwrap(),
            certificate: device.certificate.to_vec(),
        };
        let environment = Environment {
            clock: self.clock.clone(),
            rng: Arc::new(SystemRng),
            timings: Timings::default(),
            resolve: Resolve::default(),
        };
        let key = Arc::new(device.key);
        store.save_account(&account).unwrap();
        store.save_place(&Place { incarnation: Incarnation([1; 16]), inbox: 0 }).unwrap();
        let standing = Standing::new(account, self.believed.clone(), &key, &environment).unwrap();
        Party { core: Arc::new(Core::new(store, environment, key, standing)), uri: device.uri }
    }
}

impl Log {
    pub(super) fn push(&self, generation: Generation, body: entry::Body) -> u64 {
        let mut entries = self.entries.lock();
        let seq = entries.len() as u64 + 1;
        let time_ms = SystemClock::new().now().0;
        entries.push(Entry { seq, time_ms, generation: generation.0, body: Some(body) });
        seq
    }

    pub(super) fn commit(&self, own: &OwnCommit) -> u64 {
        let entry = CommitEntry { id: own.id.0.to_vec().into(), commit: own.commit.clone().into() };
        self.push(own.generation, entry::Body::Commit(entry))
    }

    pub(super) fn generation(&self, generation: Generation, id: &[u8]) -> u64 {
        let started = GenerationEntry { id: id.to_vec().into(), generation: generation.0 };
        self.push(generation, entry::Body::GenerationStarted(started))
    }

    /// What the relay would send to a device that holds everything up to `cursor`; own messages only as ids.
    pub(super) fn since(&self, room: &RoomId, cursor: u64, own: &[(u64, MessageId)]) -> Deliver {
        let entries = self.entries.lock();
        let entries = entries.iter().filter(|entry| entry.seq > cursor).cloned().map(|mut entry| {
            if let Some((_, id)) = own.iter().find(|(seq, _)| *seq == entry.seq) {
                entry.body = Some(entry::Body::Own(OwnEntry { message_id: id.0.to_vec().into() }));
            }
            entry
        });
        Deliver { room: room.to_string(), entries: entries.collect() }
    }
}

impl Party {
    /// A room with this device alone, which the relay has taken.
    pub(super) fn creates(&self, log: &Log, name: &str) -> RoomId {
        let id = RoomId::random(self.core.account().domain, &SystemRng);
        let store = &self.core.store;
        store
            .write(|| {
                let rules = RoomRules::group(id.hub().clone());
                let group = id.group(Generation(0));
                let mut group = self.core.engine().create(&group, &rules, self.core.relay_now()).unwrap();
                group.save(&mut store.clone()).unwrap();
                let mut room = Room::new(id.clone(), Generation(0), Incarnation([1; 16]), Seq(0));
                room.membership = Membership::Creating;
                room.name = Some(name.to_owned());
                room.users = vec![self.core.account().user];
                store.save_room(&room)
            })
            .unwrap();
        log.generation(Generation(0), b"");
        self.takes(log, &id);
        id
    }

    pub(super) fn takes(&self, log: &Log, room: &RoomId) {
        let cursor = self.room(room).cursor.0;
        self.core.take_in(&log.since(room, cursor, &[])).unwrap();
    }

    pub(super) fn room(&self, id: &RoomId) -> Room {
        self.core.store.room(id).unwrap().unwrap()
    }

    pub(super) fn group(&self, id: &RoomId) -> wickr_e2ee::Room {
        self.core.open(&self.room(id)).unwrap().unwrap()
    }

    pub(super) fn guest(&self) -> Guest {
        let store = &self.core.store;
        let packages = store
            .write(|| {
                Ok::<_, crate::Error>(
                    self.core.engine().key_packages(1, self.core.relay_now(), &mut store.clone()).unwrap(),
                )
            })
            .unwrap();
        Guest { uri: self.uri.clone(), key_package: packages[0].clone() }
    }

    pub(super) fn makes(&self, room: &RoomId, wanted: &Wanted) -> OwnCommit {
        self.core.store.write(|| self.core.make(room, wanted)).unwrap().unwrap()
    }

    /// Brings another device in, with everything that the relay would do.
    pub(super) fn adds(&self, log: &Log, room: &RoomId, guest: &Party) {
        let own = self.makes(room, &Wanted::Add(vec![guest.guest()]));
        let seq = log.commit(&own);
        self.takes(log, room);
        guest.joins(&own, seq, self.group(room).tree().unwrap());
    }

    pub(super) fn joins(&self, own: &OwnCommit, seq: u64, tree: Vec<u8>) {
        let inbox = InboxEntry {
            number: 1,
            room: own.room.to_string(),
            generation: own.generation.0,
            seq,
            epoch: own.epoch + 1,
            welcome: own.welcome.clone().unwrap().into(),
            time_ms: 0,
        };
        self.core.store.write(|| self.core.join(&own.room, &inbox, Ok(tree))).unwrap();
    }

    /// Makes that generation of a room, with whomever, and a Welcome as the relay would hand it on, with its tree.
    pub(super) fn makes_generation(
        &self,
        room: &RoomId,
        generation: Generation,
        guests: &[&Party],
    ) -> (OwnCommit, Vec<u8>) {
        let store = &self.core.store;
        let guests: Vec<Guest> = guests.iter().map(|guest| guest.guest()).collect();
        let invited: Vec<_> = guests
            .iter()
            .map(|guest| Invited { device: guest.uri.clone(), key_package: &guest.key_package })
            .collect();
        let rules = RoomRules::group(room.hub().clone());
        let (engine, now) = (self.core.engine(), self.core.relay_now());
        let mut made = engine.next_generation(&room.group(generation), &rules, &invited, now).unwrap();
        let own = OwnCommit {
            id: MessageId::random(&SystemRng),
            room: room.clone(),
            generation,
            epoch: made.room.epoch() - 1,
            commit: Vec::new(),
            welcome: made.welcome,
            group_info: Vec::new(),
            reason: CommitReason::Generation(generation),
        };
        store
            .write(|| {
                made.room.save(&mut store.clone()).unwrap();
                store.save_own_commit(&own)
            })
            .unwrap();
        (own, made.tree)
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.core.store.notices().unwrap().into_iter().map(|notice| notice.text).collect()
    }

    /// Texts that wait to be sent, by id.
    pub(super) fn waiting(&self) -> Vec<MessageId> {
        let unsent = self.core.store.unsent().unwrap().into_iter();
        unsent
            .filter(|unsent| !unsent.control && unsent.state == UnsentState::Waiting)
            .map(|unsent| unsent.id)
            .collect()
    }

    /// Seals the oldest waiting message as the outbox does.
    pub(super) fn seals(&self) -> (Unsent, Vec<u8>) {
        let unsent = self.core.store.unsent().unwrap().remove(0);
        let sealed = self.core.store.write(|| self.core.seal(&unsent)).unwrap();
        let Sealed::Ready { message, .. } = sealed else { panic!("not sealed") };
        (unsent, message)
    }

    /// Says something and has it sequenced.
    pub(super) fn says(&self, log: &Log, room: &RoomId, text: &str) -> u64 {
        let id = MessageId::random(&SystemRng);
        self.core.queue_text(room, id, text, UnixMillis(0)).unwrap();
        let unsent = self.core.store.unsent_by_id(id).unwrap().unwrap();
        let Sealed::Ready { room: record, message, .. } =
            self.core.store.write(|| self.core.seal(&unsent)).unwrap()
        else {
            panic!("not sealed")
        };
        let seq = log.push(record.generation, entry::Body::Application(message.into()));
        self.core.take_in(&log.since(room, self.room(room).cursor.0, &[(seq, id)])).unwrap();
        seq
    }

    /// Seals anything at all, as a member that follows no rules.
    pub(super) fn seals_anything(&self, log: &Log, room: &RoomId, content: &[u8], outer: &Outer) {
        let store = &self.core.store;
        let mut group = self.group(room);
        let message = group.seal(content, outer).unwrap();
        store.write(|| group.save(&mut store.clone()).map_err(crate::Error::mls("saving"))).unwrap();
        log.push(self.room(room).generation, entry::Body::Application(message.into()));
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let messages = self.core.store.last_messages(None, 100).unwrap();
        messages.into_iter().map(|message| message.text).collect()
    }

    /// Connects to a relay of that incarnation which has the room like this.
    pub(super) fn meets(&self, incarnation: Incarnation, state: RoomState) {
        let held = self.core.store.place().unwrap();
        let rooms = Rooms { incarnation: incarnation.0.to_vec().into(), rooms: vec![state] };
        self.core.store.write(|| self.core.compare(held, &rooms)).unwrap();
    }
}

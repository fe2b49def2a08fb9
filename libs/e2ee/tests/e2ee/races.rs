//! Random lives of a room: up to six devices add, remove, leave, commit, send and lag behind, the process is lost now
//! and then; relay and members must end up with the same tree and roster, and every message with its readers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wickr_e2ee::*;
use wickr_wire::ProblemCode;

use crate::world::*;

#[derive(Clone, Debug)]
enum Step {
    Add { by: usize, who: usize },
    Remove { by: usize, who: usize },
    Expel { who: usize },
    Leave { who: usize },
    Path { by: usize },
    Send { by: usize },
    Sync { who: usize },
    Restart { who: usize },
    RestartRelay,
}

/// Steps, each with whether who takes it has read the log before.
fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let who = || 0_usize..6;
    let step = prop_oneof![
        5 => (who(), who()).prop_map(|(by, who)| Step::Add { by, who }),
        1 => (who(), who()).prop_map(|(by, who)| Step::Remove { by, who }),
        1 => who().prop_map(|who| Step::Expel { who }),
        1 => who().prop_map(|who| Step::Leave { who }),
        4 => who().prop_map(|by| Step::Path { by }),
        5 => who().prop_map(|by| Step::Send { by }),
        1 => who().prop_map(|who| Step::Sync { who }),
        1 => who().prop_map(|who| Step::Restart { who }),
        1 => Just(Step::RestartRelay),
    ];
    prop::collection::vec((prop::bool::weighted(0.7), step), 1..60)
}

/// One device's part in the room: the room as it has it, and how far it has read the log.
struct Seat {
    room: Room,
    read: usize,
    joined_at: u64,
}

struct Life {
    world: World,
    devices: Vec<Device>,
    seats: BTreeMap<usize, Seat>,
    relay: Relay,
    /// Per log entry that is a message: who sent it, in which epoch.
    messages: BTreeMap<usize, (usize, u64)>,
    last_removal: u64,
}

impl Life {
    fn new() -> Self {
        let world = World::new();
        let mut devices: Vec<Device> = (0..6).map(|_| world.device()).collect();
        let (room, relay) = world.room(&mut devices[0]);
        let seats = BTreeMap::from([(0, Seat { room, read: 0, joined_at: 0 })]);
        Self { world, devices, seats, relay, messages: BTreeMap::new(), last_removal: 0 }
    }

    fn run(&mut self, up_to_date: bool, step: &Step) {
        let now = self.world.now;
        let mut step = step.clone();
        if let Step::Add { by, .. } | Step::Remove { by, .. } | Step::Path { by } | Step::Send { by } =
            &mut step
        {
            // Someone who is in the room; it may be empty.
            let Some(member) = self.seats.keys().nth(*by % self.seats.len().max(1)).copied() else { return };
            *by = member;
            if up_to_date {
                self.sync(member);
            }
        }
        match step {
            Step::Add { by, who } => {
                let package = self.devices[who].package(now);
                self.commit(by, |room| room.add(&[package.invited()], now), Some(who));
            }
            Step::Remove { by, who } => {
                let uri = self.devices[who].uri.clone();
                self.commit(by, |room| room.remove(std::slice::from_ref(&uri), now), None);
            }
            Step::Path { by } => self.commit(by, |room| room.path_commit(now), None),
            Step::Expel { who } => {
                let proposed = self.relay.observer.propose_remove(&self.devices[who].uri).unwrap();
                if let Some((next, proposal)) = proposed {
                    self.relay.observer = next;
                    self.relay.log.push(proposal);
                }
            }
            Step::Leave { who } => {
                if let Some(seat) = self.seats.get(&who) {
                    let leave = seat.room.propose_leave().unwrap();
                    let answer = self.relay.submit_proposal(&self.devices[who].uri, &leave);
                    if let Err(refused) = answer {
                        assert!(
                            matches!(refused.code, ProblemCode::StaleEpoch | ProblemCode::NotAMember),
                            "{refused}"
                        );
                    }
                }
            }
            Step::Send { by } => self.send(by),
            Step::Sync { who } => self.sync(who),
            Step::Restart { who } => {
                if let Some(seat) = self.seats.get_mut(&who) {
                    seat.room = self.devices[who].reopen(&seat.room);
                }
            }
            Step::RestartRelay => {
                let (snapshot, tree) =
                    (self.relay.observer.snapshot().unwrap(), self.relay.observer.tree().unwrap());
                self.relay.observer = self.world.hub.restore(&snapshot, &tree).unwrap();
            }
        }
    }

    fn commit(
        &mut self,
        by: usize,
        make: impl FnOnce(&mut Room) -> Result<CommitOut, E2eeError>,
        joining: Option<usize>,
    ) {
        let Some(seat) = self.seats.get_mut(&by) else { return };
        let Ok(out) = make(&mut seat.room) else { return };
        seat.room.save(&mut self.devices[by].store).unwrap();
        match self.relay.submit(&self.devices[by].uri, &out.commit) {
            Ok(accepted) => {
                assert_eq!(accepted.next.check_group_info(&out.group_info).unwrap(), self.devices[by].uri);
                if !accepted.removed.is_empty() {
                    self.last_removal = accepted.epoch;
                }
                assert_eq!(accepted.added.len(), usize::from(joining.is_some()));
                if let Some(who) = joining {
                    let room = self.devices[who].join(&out, &self.relay);
                    let seat = Seat { room, read: self.relay.log.len(), joined_at: accepted.epoch };
                    self.seats.insert(who, seat);
                }
            }
            Err(refused) => {
                let expected =
                    [ProblemCode::StaleEpoch, ProblemCode::PendingRemoval, ProblemCode::NotAMember];
                assert!(expected.contains(&refused.code), "{refused}");
                seat.room.drop_pending_commit();
                seat.room.save(&mut self.devices[by].store).unwrap();
            }
        }
    }

    /// Seals, and lets the message through as the relay would: current epoch or the two before, no removal since.
    fn send(&mut self, by: usize) {
        let Some(seat) = self.seats.get_mut(&by) else { return };
        let at = u8::try_from(self.relay.log.len() % 250).unwrap();
        let Ok(sealed) = seat.room.seal(&[at], &outer(at)) else {
            assert!(seat.room.commit_required());
            return;
        };
        seat.room.save(&mut self.devices[by].store).unwrap();
        let epoch = ApplicationHeader::parse(&sealed).unwrap().epoch;
        let fresh = epoch + 2 >= self.relay.observer.epoch() && epoch >= self.last_removal;
        if fresh && self.relay.observer.contains(&self.devices[by].uri) {
            self.messages.insert(self.relay.log.len(), (by, epoch));
            self.relay.log.push(sealed);
        }
    }

    fn sync(&mut self, who: usize) {
        let Some(mut seat) = self.seats.remove(&who) else { return };
        while seat.read < self.relay.log.len() {
            let event = seat.room.process(&self.relay.log[seat.read], self.world.now);
            match (event, self.messages.get(&seat.read)) {
                (Ok(Event::Message { sender, plaintext, outer }), Some((by, _))) => {
                    assert_eq!(sender, self.devices[*by].uri);
                    assert_eq!(plaintext.expose()[0], outer.message_id[0]);
                }
                (Ok(Event::OwnMessage { .. }), Some((by, _))) => assert_eq!(*by, who),
                (Err(_), Some((_, epoch))) if *epoch < seat.joined_at => {}
                (Ok(Event::Removed { .. }), None) => {
                    seat.room.delete(&mut self.devices[who].store).unwrap();
                    return;
                }
                (Ok(Event::Committed(_) | Event::RemovalProposed(_)), None) => {}
                (event, message) => panic!("entry {} for {who}: {event:?}, {message:?}", seat.read),
            }
            seat.read += 1;
        }
        seat.room.save(&mut self.devices[who].store).unwrap();
        self.seats.insert(who, seat);
    }

    fn check(&mut self) {
        for who in 0..6 {
            self.sync(who);
        }
        let observer = &self.relay.observer;
        let mut present: Vec<_> = self.seats.keys().map(|who| self.devices[*who].uri.clone()).collect();
        present.sort();
        assert_eq!(uris(observer.roster()), present);
        for seat in self.seats.values() {
            assert_eq!(seat.room.epoch(), observer.epoch());
            assert_eq!(seat.room.tree_hash(), observer.tree_hash());
            assert_eq!(seat.room.tree().unwrap(), observer.tree().unwrap());
            assert!(seat.room.roster().eq(observer.roster()));
            assert_eq!(seat.room.pending_removals(), observer.pending_removals());
            observer.check_group_info(&seat.room.group_info().unwrap()).unwrap();
        }
        for (who, device) in self.devices.iter().enumerate() {
            let kept = device.store.keys().filter(|key| !key.starts_with("key-package/")).count();
            let most = if self.seats.contains_key(&who) { 4 } else { 0 };
            assert!(kept <= most, "device {who} keeps {kept} records");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn relay_and_members_end_up_with_the_same_room(steps in steps()) {
        let mut life = Life::new();
        for (up_to_date, step) in &steps {
            life.run(*up_to_date, step);
        }
        life.check();
    }
}

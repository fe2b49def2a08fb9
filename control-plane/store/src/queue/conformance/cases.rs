//! What must hold of every queue store; each case is a test by the name of the sentence it proves.

#![expect(missing_docs, reason = "each name is its sentence")]
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "these are tests")]

mod clock;
mod packages;
mod revisions;
mod revocation;
mod trimming;

pub use clock::*;
pub use packages::*;
pub use revisions::*;
pub use revocation::*;
pub use trimming::*;

use std::time::Duration;

use wickr_base::{Generation, MessageId, RoomId, SeededRng, Seq, UnixMillis};

use super::super::{EntryKind, MAX_ROOMS_PER_USER, Operation, Outcome, REMEMBERED, Refused, Room};
use super::driver::START;
use super::{Driver, World};

const HOUR: Duration = Duration::from_hours(1);
const LATER: UnixMillis = UnixMillis(START.0 + 90 * 24 * 3_600_000);

fn handshake(handshake: super::super::Handshake) -> Operation {
    Operation::Handshake(Box::new(handshake))
}

fn room(driver: &Driver, id: &RoomId) -> Room {
    driver.read(driver.store().room(id)).expect("the room is there")
}

/// A room of the first `people` people; the first creates it and adds the others in one commit.
fn begin(driver: &mut Driver, world: &World, at: usize, people: usize) -> super::super::RoomMeta {
    driver.sequenced(world.create(at, 0));
    let meta = room(driver, &world.rooms[at]).meta;
    let others: Vec<usize> = (1..people).collect();
    if !others.is_empty() {
        driver.sequenced(handshake(world.commit(
            &meta,
            0,
            200 + u8::try_from(at).unwrap_or(0),
            &others,
            &[],
        )));
    }
    room(driver, &world.rooms[at]).meta
}

fn bodies(driver: &Driver, meta: &super::super::RoomMeta, after: u64) -> Vec<(u64, Vec<u8>)> {
    let entries = driver.read(driver.store().log(meta.number, Seq(after), Seq(u64::MAX), usize::MAX));
    entries.into_iter().map(|entry| (entry.place.seq.0, entry.body.to_vec())).collect()
}

pub fn a_message_gets_the_next_number_and_reads_back_as_it_was_sent(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    let expires = START.plus(HOUR);
    let place = driver.sequenced(world.message(&meta, 0, 1, Some(expires))).place;
    assert_eq!((place.seq, place.time), (Seq(3), START));
    let entry = driver.read(driver.store().log(meta.number, Seq(2), Seq(3), 1)).pop().expect("an entry");
    assert_eq!((entry.place, entry.generation, entry.kind), (place, Generation(0), EntryKind::Application));
    assert_eq!((entry.sender, entry.id), (Some(world.device(0)), MessageId([1; 16])));
    assert_eq!((entry.expires_at, entry.body.as_ref()), (Some(expires), b"message 1 of 0".as_slice()));
}

pub fn rooms_number_their_entries_apart(driver: &mut Driver) {
    let world = World::new();
    let (first, second) = (begin(driver, &world, 0, 1), begin(driver, &world, 1, 1));
    assert_ne!(first.number, second.number);
    assert_eq!(driver.sequenced(world.message(&first, 0, 1, None)).place.seq, Seq(2));
    assert_eq!(driver.sequenced(world.message(&second, 0, 2, None)).place.seq, Seq(2));
    assert_eq!(bodies(driver, &first, 1).len(), 1);
}

pub fn operations_handed_in_together_count_in_their_order(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    let outcomes = driver.ask_all((0..100).map(|id| world.message(&meta, 0, id, None)).collect());
    let seqs: Vec<u64> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Sequenced(sequenced) => sequenced.place.seq.0,
            _ => 0,
        })
        .collect();
    assert_eq!(seqs, (2..102).collect::<Vec<_>>());
    assert_eq!(room(driver, &world.rooms[0]).meta.head, Seq(101));
}

pub fn the_same_id_gets_the_same_answer_for_thirty_days(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    let message = world.message(&meta, 0, 1, None);
    let first = driver.sequenced(message.clone());
    assert!(!first.repeated);
    let commit = handshake(world.commit(&meta, 0, 9, &[2], &[]));
    let committed = driver.sequenced(commit.clone());
    driver.clock().advance(REMEMBERED.checked_sub(HOUR).expect("longer than an hour"));
    driver.reopen();
    let [again, once_more] = [driver.sequenced(message.clone()), driver.sequenced(commit)];
    assert_eq!((again.place, again.repeated), (first.place, true));
    assert_eq!((once_more.place, once_more.repeated), (committed.place, true));
    let answered =
        |driver: &Driver, id| driver.read(driver.store().answered(world.device(0), MessageId([id; 16])));
    assert_eq!((answered(driver, 9), answered(driver, 1)), (Some(committed.place), None));
    driver.clock().advance(HOUR + HOUR);
    assert_eq!(answered(driver, 9), None);
    assert!(!driver.sequenced(message).repeated);
}

pub fn the_same_id_of_another_device_is_another_message(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    driver.sequenced(world.message(&meta, 0, 1, None));
    assert!(!driver.sequenced(world.message(&meta, 1, 1, None)).repeated);
}

pub fn of_two_handshakes_for_one_epoch_the_first_wins(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    let (one, other) = (world.commit(&meta, 0, 1, &[2], &[]), world.commit(&meta, 1, 2, &[3], &[]));
    let outcomes = driver.ask_all(vec![handshake(one), handshake(other)]);
    assert!(matches!(outcomes[0], Outcome::Sequenced(_)));
    let stale = Refused::StaleEpoch { generation: Generation(0), epoch: 2 };
    assert_eq!(outcomes[1], Outcome::Refused(stale));
    let room = room(driver, &world.rooms[0]);
    assert_eq!(room.members, [world.uri(0), world.uri(1), world.uri(2)]);
    assert_eq!(driver.read(driver.store().inbox(world.device(3), 0, 1)), []);
}

pub fn a_message_of_a_shut_out_epoch_is_refused(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 3);
    let before = world.message(&meta, 1, 1, None);
    let removal = handshake(world.commit(&meta, 0, 1, &[], &[2]));
    let outcomes = driver.ask_all(vec![removal, before]);
    let stale = Refused::StaleEpoch { generation: Generation(0), epoch: 2 };
    assert_eq!(outcomes[1], Outcome::Refused(stale));
}

pub fn a_commit_takes_effect_as_a_whole(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    let sequenced = driver.sequenced(handshake(world.commit(&meta, 0, 1, &[1, 2], &[])));
    assert_eq!(sequenced.inbox, [(world.device(1), 1), (world.device(2), 1)]);
    driver.reopen();
    let room = room(driver, &world.rooms[0]);
    assert_eq!((room.meta.epoch, room.meta.revision, room.meta.head), (1, Seq(2), Seq(2)));
    assert_eq!(room.members, [world.uri(0), world.uri(1), world.uri(2)]);
    assert_eq!(driver.read(driver.store().state(meta.number)).expect("a state").as_ref(), b"epoch 1");
    let item = driver.read(driver.store().inbox(world.device(2), 0, 1)).pop().expect("a welcome");
    assert_eq!((item.number, item.generation, item.epoch), (1, Generation(0), 1));
    assert_eq!((item.place, &item.room), (sequenced.place, &world.rooms[0]));
    let tree = driver.read(driver.store().tree(meta.number, Generation(0), 1)).expect("a tree");
    assert_eq!(tree.as_ref(), b"tree at 1");
    let part = driver.read(driver.store().memberships(world.device(2))).pop().expect("a membership");
    assert_eq!((part.from, part.until, part.acknowledged), (Seq(2), None, Seq(2)));
}

pub fn inbox_numbers_are_never_used_twice(driver: &mut Driver) {
    let world = World::new();
    for at in 0..2 {
        begin(driver, &world, at, 2);
    }
    let device = world.device(1);
    let numbers = |driver: &Driver| -> Vec<u64> {
        driver.read(driver.store().inbox(device, 0, usize::MAX)).iter().map(|item| item.number).collect()
    };
    assert_eq!(numbers(driver), [1, 2]);
    assert_eq!(driver.ask(Operation::ClearInbox { device, through: 99 }), Outcome::Done);
    driver.reopen();
    assert_eq!(numbers(driver), [0; 0]);
    begin(driver, &world, 2, 2);
    assert_eq!(numbers(driver), [3]);
}

pub fn a_welcome_and_its_tree_go_when_all_joiners_have_it(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 3);
    let tree = |driver: &Driver| driver.read(driver.store().tree(meta.number, Generation(0), 1));
    driver.ask(Operation::ClearInbox { device: world.device(1), through: 1 });
    assert!(tree(driver).is_some());
    assert_eq!(driver.read(driver.store().inbox(world.device(1), 0, 1)), []);
    driver.ask(Operation::ClearInbox { device: world.device(2), through: 1 });
    assert!(tree(driver).is_none());
}

pub fn cursors_only_move_forward_and_not_past_the_end(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    for id in 0..5 {
        driver.sequenced(world.message(&meta, 0, id, None));
    }
    let held = |driver: &Driver| {
        driver.read(driver.store().memberships(world.device(1))).pop().expect("a membership").acknowledged
    };
    for (asked, then) in [(4, 4), (3, 4), (99, 7)] {
        driver.ask(world.hold(&meta, 1, asked));
        driver.reopen();
        assert_eq!(held(driver), Seq(then));
    }
    driver.ask(world.hold(&meta, 3, 5));
    assert_eq!(driver.read(driver.store().memberships(world.device(3))), [], "a stranger has no cursor");
}

pub fn a_removed_device_gets_the_commit_that_removed_it_and_nothing_after(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 3);
    let removal = driver.sequenced(handshake(world.commit(&meta, 0, 1, &[], &[2])));
    let meta = room(driver, &world.rooms[0]).meta;
    driver.sequenced(world.message(&meta, 0, 1, None));
    driver.reopen();
    let part = driver.read(driver.store().memberships(world.device(2))).pop().expect("a membership");
    assert_eq!(part.until, Some(removal.place.seq));
    driver.ask(world.hold(&meta, 2, removal.place.seq.0));
    assert_eq!(driver.read(driver.store().memberships(world.device(2))), []);
    let back = driver.sequenced(handshake(world.commit(&meta, 0, 2, &[2], &[])));
    let part = driver.read(driver.store().memberships(world.device(2))).pop().expect("a membership");
    assert_eq!((part.from, part.until, part.acknowledged), (back.place.seq, None, back.place.seq));
}

pub fn what_has_expired_is_not_read_whether_purged_or_not(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    for (id, expires) in [(1, Some(HOUR)), (2, None), (3, Some(HOUR * 2)), (4, Some(HOUR))] {
        driver.sequenced(world.message(&meta, 0, id, expires.map(|after| START.plus(after))));
    }
    let late = world.message(&meta, 0, 5, Some(START));
    assert_eq!(driver.refused(late), Refused::Expired);
    driver.clock().advance(HOUR);
    let seqs = |driver: &Driver| bodies(driver, &meta, 2).into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(seqs(driver), [4, 5]);
    assert_eq!(driver.ask(Operation::Purge { at_most: 1 }), Outcome::Purged { removed: 1, more: true });
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 1, more: false });
    assert_eq!(seqs(driver), [4, 5]);
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 0, more: false });
}

pub fn numbers_are_not_used_again_after_the_newest_entries_were_purged(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    for id in 1..4 {
        driver.sequenced(world.message(&meta, 0, id, Some(START.plus(HOUR))));
    }
    driver.clock().advance(HOUR);
    driver.ask(Operation::Purge { at_most: 9 });
    driver.reopen();
    assert_eq!(room(driver, &world.rooms[0]).meta.head, Seq(4));
    assert_eq!(driver.sequenced(world.message(&meta, 0, 9, None)).place.seq, Seq(5));
    assert_eq!(bodies(driver, &meta, 1), [(5, b"message 9 of 0".to_vec())]);
}

pub fn a_person_has_at_most_so_many_live_rooms(driver: &mut Driver) {
    let mut world = World::new();
    let rng = SeededRng::new(5);
    let domain = world.domain.clone();
    world.rooms = (0..=MAX_ROOMS_PER_USER).map(|_| RoomId::random(domain.clone(), &rng)).collect();
    let all = (0..world.rooms.len()).map(|at| world.create(at, 0)).collect();
    let mut outcomes = driver.ask_all(all);
    assert_eq!(outcomes.pop(), Some(Outcome::Refused(Refused::TooManyRooms)));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Sequenced(_))));
    let meta = room(driver, &world.rooms[0]).meta;
    let mut last = world.commit(&meta, 0, 1, &[], &[0]);
    last.kind = EntryKind::Proposal;
    driver.sequenced(handshake(last));
    driver.sequenced(world.create(world.rooms.len() - 1, 0));
}

pub fn a_log_is_read_in_bites(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    for id in 0..10 {
        driver.sequenced(world.message(&meta, 0, id, None));
    }
    let size = b"message 0 of 0".len();
    let take = |after, through, bytes| {
        let entries = driver.read(driver.store().log(meta.number, Seq(after), Seq(through), bytes));
        entries.iter().map(|entry| entry.place.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(take(1, 99, size * 3), [2, 3, 4]);
    assert_eq!(take(4, 99, 1), [5]);
    assert_eq!(take(9, 10, 1000), [10]);
    assert_eq!(take(11, 99, 1000), [0; 0]);
    assert_eq!(take(5, 5, 1000), [0; 0]);
}

pub fn the_oldest_undelivered_entry_is_found(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    let oldest = |driver: &Driver| driver.read(driver.store().oldest_undelivered());
    driver.ask(world.hold(&meta, 0, 2));
    assert_eq!(oldest(driver), None);
    driver.clock().advance(HOUR);
    driver.sequenced(world.message(&meta, 0, 1, None));
    driver.clock().advance(HOUR);
    driver.sequenced(world.message(&meta, 0, 2, None));
    assert_eq!(oldest(driver), Some(START.plus(HOUR)));
    driver.ask(world.hold(&meta, 1, 4));
    driver.ask(world.hold(&meta, 0, 3));
    assert_eq!(oldest(driver), Some(START.plus(HOUR + HOUR)));
    driver.ask(world.hold(&meta, 0, 4));
    assert_eq!(oldest(driver), None);
}

pub fn everything_is_there_after_opening_again(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 3);
    for id in 0..20 {
        driver.sequenced(world.message(&meta, usize::from(id % 3), id, None));
    }
    driver.ask(world.publish(0, "abc", true, LATER));
    driver.ask(Operation::Canary);
    let look = |driver: &Driver| {
        let store = driver.store();
        let log = bodies(driver, &meta, 0);
        let inbox = driver.read(store.inbox(world.device(1), 0, usize::MAX));
        let pool = driver.read(store.pool(world.device(0)));
        let parts = driver.read(store.memberships(world.device(1)));
        (
            store.incarnation(),
            room(driver, &world.rooms[0]),
            log,
            inbox,
            pool,
            parts,
            driver.read(store.usage()),
        )
    };
    let before = look(driver);
    driver.reopen();
    assert_eq!(look(driver), before);
    assert_eq!(driver.read(driver.store().canary()), Some(START));
}

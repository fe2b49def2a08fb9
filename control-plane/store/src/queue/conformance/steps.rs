//! Random steps, taken by an engine and by the model side by side; every answer and every reading must be equal.

use std::time::Duration;

use proptest::prelude::*;
use wickr_base::{Incarnation, Seq, UnixMillis};

use super::super::{Change, Followed, Operation, RoomMeta};
use super::{Driver, World};

/// One step; indices are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody creates a room.
    Create(usize, usize),
    /// Messages handed in together: room, person, id, minutes until it expires (0: never).
    Messages(Vec<(usize, usize, u8, u8)>),
    /// A commit: room, person, id, who is added and removed.
    Commit(usize, usize, u8, Vec<usize>, Vec<usize>),
    /// A commit made a while ago, against the room as it was when the step before last was taken.
    StaleCommit(usize, usize, u8),
    /// Somebody holds a room up to there.
    Hold(usize, usize, u64),
    /// Somebody holds inbox items up to there.
    Clear(usize, u64),
    /// Key packages: person, how many, last resort, hours until they end.
    Publish(usize, u8, bool, u8),
    /// Three claims at once, one of which keeps the one-time packages.
    Claim(usize),
    /// Somebody signs in with a store at that revision.
    SignIn(usize, u64),
    /// Somebody's store has come as far as that.
    Note(usize, u64),
    /// A device is revoked.
    Revoke(usize),
    /// Something expired is removed.
    Purge(usize),
    /// What nobody needs any more is removed, so many entries of so many rooms.
    Trim(usize),
    /// Minutes pass.
    Wait(u16),
    /// The store is opened again.
    Reopen,
}

/// Any sequence of steps.
pub fn steps(at_most: usize) -> impl Strategy<Value = Vec<Step>> {
    let (room, person, id) = (0..3_usize, 0..4_usize, 0..12_u8);
    let people = || prop::collection::vec(0..4_usize, 0..3);
    let message = (room.clone(), person.clone(), id.clone(), prop_oneof![3 => Just(0), 1 => 1..90_u8]);
    let step = prop_oneof![
        3 => (room.clone(), person.clone()).prop_map(|(room, by)| Step::Create(room, by)),
        10 => prop::collection::vec(message, 1..8).prop_map(Step::Messages),
        6 => (room.clone(), person.clone(), id.clone(), people(), people())
            .prop_map(|(room, by, id, add, remove)| Step::Commit(room, by, id, add, remove)),
        1 => (room.clone(), person.clone(), id).prop_map(|(room, by, id)| Step::StaleCommit(room, by, id)),
        4 => (room, person.clone(), 0..20_u64).prop_map(|(room, by, seq)| Step::Hold(room, by, seq)),
        2 => (person.clone(), 0..6_u64).prop_map(|(by, through)| Step::Clear(by, through)),
        2 => (person.clone(), 0..4_u8, any::<bool>(), 0..72_u8)
            .prop_map(|(by, count, last, hours)| Step::Publish(by, count, last, hours)),
        2 => person.clone().prop_map(Step::Claim),
        2 => (person.clone(), 1..9_u64).prop_map(|(by, revision)| Step::SignIn(by, revision)),
        1 => (person.clone(), 1..9_u64).prop_map(|(by, revision)| Step::Note(by, revision)),
        1 => person.prop_map(Step::Revoke),
        2 => (0..5_usize).prop_map(Step::Purge),
        3 => (1..9_usize).prop_map(Step::Trim),
        3 => (0..60_u16).prop_map(Step::Wait),
        1 => Just(Step::Wait(31 * 24 * 60)),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..at_most)
}

/// Takes the steps with both; panics where they differ.
pub fn compare(subject: &mut Driver, model: &mut Driver, steps: &[Step]) {
    let world = World::new();
    let mut seen: Vec<Option<RoomMeta>> = vec![None; world.rooms.len()];
    let mut changes = 0;
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Wait(minutes) => {
                for driver in [&*subject, &*model] {
                    driver.clock().advance(Duration::from_mins(u64::from(*minutes)));
                }
            }
            Step::Reopen => {
                subject.reopen();
                model.reopen();
            }
            step => {
                let operations = operations(&world, &seen, step, model, &mut changes);
                let expected = model.ask_all(operations.clone());
                let answers = subject.ask_all(operations);
                assert_eq!(answers, expected, "step {at}: {step:?}");
                if let Step::Create(..) | Step::Messages(_) = step {
                    for (room, seen) in world.rooms.iter().zip(&mut seen) {
                        *seen = model.read(model.store().room(room)).map(|room| room.meta);
                    }
                }
            }
        }
        same(&world, subject, model, at, step);
    }
}

fn operations(
    world: &World,
    seen: &[Option<RoomMeta>],
    step: &Step,
    model: &Driver,
    changes: &mut u64,
) -> Vec<Operation> {
    let current = |room: usize| model.read(model.store().room(&world.rooms[room]));
    match step {
        Step::Create(room, by) => vec![world.create(*room, *by)],
        Step::Messages(messages) => messages
            .iter()
            .filter_map(|&(room, by, id, minutes)| {
                let expires =
                    (minutes > 0).then(|| model.store().now().plus(Duration::from_mins(u64::from(minutes))));
                Some(world.message(&current(room)?.meta, by, id, expires))
            })
            .collect(),
        Step::Commit(room, by, id, add, remove) => {
            let Some(room) = current(*room) else { return Vec::new() };
            let is_in = |person: &usize| room.members.contains(&world.uri(*person));
            let unique = |people: &[usize]| {
                let mut people = people.to_vec();
                people.sort_unstable();
                people.dedup();
                people
            };
            let add: Vec<usize> = unique(add).into_iter().filter(|person| !is_in(person)).collect();
            let remove: Vec<usize> = unique(remove).into_iter().filter(is_in).collect();
            vec![Operation::Handshake(Box::new(world.commit(&room.meta, *by, *id, &add, &remove)))]
        }
        Step::StaleCommit(room, by, id) => seen[*room]
            .iter()
            .map(|meta| Operation::Handshake(Box::new(world.commit(meta, *by, *id, &[], &[]))))
            .collect(),
        Step::Hold(room, by, seq) => {
            current(*room).iter().map(|room| world.hold(&room.meta, *by, *seq)).collect()
        }
        Step::Clear(by, through) => {
            vec![Operation::ClearInbox { device: world.device(*by), through: *through }]
        }
        Step::Publish(by, count, last, hours) => {
            let names: String = ('a'..='z').take(usize::from(*count)).collect();
            let until = model.store().now().plus(Duration::from_hours(u64::from(*hours)));
            vec![world.publish(*by, &names, *last, until)]
        }
        Step::Claim(by) => {
            let live_at = model.store().now().plus(Duration::from_hours(24));
            let users = vec![world.people[*by].0];
            let keeping = Operation::Claim { users: users.clone(), kept: users.clone(), live_at };
            let claim = Operation::Claim { users, kept: vec![], live_at };
            vec![claim.clone(), keeping, claim]
        }
        Step::SignIn(by, revision) => vec![world.signs_in(*by, *revision)],
        Step::Note(by, revision) => vec![world.notes(&[(*by, *revision)])],
        Step::Revoke(by) => {
            *changes += 1;
            let followed = Followed { incarnation: Incarnation([1; 16]), number: *changes };
            vec![Operation::Apply(Change { followed, revoked: Some(world.device(*by)) })]
        }
        Step::Purge(at_most) => vec![Operation::Purge { at_most: *at_most }],
        Step::Trim(at_most) => {
            let found = model.read(model.store().trimmable(*at_most));
            found.into_iter().map(|trim| Operation::Trim { trim, at_most: *at_most }).collect()
        }
        Step::Wait(_) | Step::Reopen => Vec::new(),
    }
}

fn same(world: &World, subject: &Driver, model: &Driver, at: usize, step: &Step) {
    let place = format!("after step {at}: {step:?}");
    let (s, m) = (subject.store(), model.store());
    assert_eq!(s.now(), m.now(), "{place}");
    for id in &world.rooms {
        let room = model.read(m.room(id));
        assert_eq!(subject.read(s.room(id)), room, "{place}");
        let Some(room) = room else { continue };
        let number = room.meta.number;
        assert_eq!(subject.read(s.state(number)), model.read(m.state(number)), "{place}");
        for (after, bytes) in [(0, usize::MAX), (3, 40)] {
            let log = subject.read(s.log(number, Seq(after), Seq(u64::MAX), bytes));
            assert_eq!(log, model.read(m.log(number, Seq(after), Seq(u64::MAX), bytes)), "{place}");
        }
        let (generation, epoch) = (room.meta.generation, room.meta.epoch);
        for epoch in epoch.saturating_sub(2)..=epoch {
            let tree = subject.read(s.tree(number, generation, epoch));
            assert_eq!(tree, model.read(m.tree(number, generation, epoch)), "{place}");
        }
    }
    for &(_, device) in &world.people {
        assert_eq!(subject.read(s.memberships(device)), model.read(m.memberships(device)), "{place}");
        assert_eq!(subject.read(s.inbox(device, 0, 60)), model.read(m.inbox(device, 0, 60)), "{place}");
        assert_eq!(subject.read(s.pool(device)), model.read(m.pool(device)), "{place}");
    }
    assert_eq!(subject.read(s.revoked()), model.read(m.revoked()), "{place}");
    assert_eq!(subject.read(s.rooms_with_removals()), model.read(m.rooms_with_removals()), "{place}");
    assert_eq!(subject.read(s.followed()), model.read(m.followed()), "{place}");
    assert_eq!(subject.read(s.usage()), model.read(m.usage()), "{place}");
    for at_most in [1, 5, 1000] {
        assert_eq!(subject.read(s.trimmable(at_most)), model.read(m.trimmable(at_most)), "{place}");
    }
    let oldest: Option<UnixMillis> = model.read(m.oldest_undelivered());
    assert_eq!(subject.read(s.oldest_undelivered()), oldest, "{place}");
}

//! What must hold of logs that are trimmed: nothing goes that somebody may still ask for, and nothing stays for ever.

use wickr_base::Seq;

use super::super::super::{KEPT_UNDELIVERED, Operation, Outcome, RoomMeta, Trim};
use super::super::{Driver, World};
use super::{HOUR, begin, bodies, handshake, room};

/// Removes everything that can be; says how many entries went.
fn trim(driver: &mut Driver) -> usize {
    let mut all = 0;
    for trim in driver.read(driver.store().trimmable(10)) {
        loop {
            let trimmed = driver.ask(Operation::Trim { trim: trim.clone(), at_most: 2 });
            let Outcome::Purged { removed, more } = trimmed else { unreachable!("{trimmed:?}") };
            all += removed;
            if !more {
                break;
            }
        }
    }
    assert_eq!(driver.read(driver.store().trimmable(10)), [], "what was found is gone");
    all
}

fn seqs(driver: &Driver, meta: &RoomMeta) -> Vec<u64> {
    bodies(driver, meta, 0).into_iter().map(|(seq, _)| seq).collect()
}

pub fn what_all_members_have_acknowledged_is_removed_and_nothing_else(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 3);
    for id in 0..6 {
        driver.sequenced(world.message(&meta, 0, id, None));
    }
    driver.ask(world.hold(&meta, 0, 8));
    driver.ask(world.hold(&meta, 1, 5));
    assert_eq!(trim(driver), 2, "the third has acknowledged nothing since it joined");
    driver.ask(world.hold(&meta, 2, 6));
    assert_eq!(trim(driver), 3);
    driver.reopen();
    assert_eq!(seqs(driver, &meta), [6, 7, 8]);
    assert_eq!(driver.sequenced(world.message(&meta, 0, 0, None)).place.seq, Seq(3), "answers stay");
    assert_eq!(room(driver, &world.rooms[0]).meta.trimmed, Seq(0), "nobody has missed anything");
}

pub fn numbers_go_on_after_a_whole_log_was_removed(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    driver.sequenced(world.message(&meta, 0, 1, Some(driver.clock().started().plus(HOUR))));
    driver.ask(world.hold(&meta, 0, 2));
    assert_eq!(trim(driver), 2);
    driver.clock().advance(HOUR);
    driver.ask(Operation::Purge { at_most: 9 });
    driver.reopen();
    assert_eq!(seqs(driver, &meta), [0; 0]);
    assert_eq!(driver.sequenced(world.message(&meta, 0, 2, None)).place.seq, Seq(3));
    driver.ask(world.hold(&meta, 0, 3));
    assert_eq!(trim(driver), 2, "the number that stayed behind goes with the next");
    let commit = handshake(world.commit(&meta, 0, 1, &[1], &[]));
    assert_eq!(driver.sequenced(commit).place.seq, Seq(4));
}

pub fn who_was_away_for_a_month_has_missed_what_is_gone_and_can_tell(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    driver.sequenced(world.message(&meta, 0, 1, None));
    driver.sequenced(handshake(world.commit(&meta, 0, 1, &[2], &[])));
    driver.clock().advance(KEPT_UNDELIVERED);
    let meta = room(driver, &world.rooms[0]).meta;
    driver.sequenced(world.message(&meta, 0, 2, None));
    driver.ask(world.hold(&meta, 0, 5));
    let found = driver.read(driver.store().trimmable(10));
    let through = Trim { room: meta.number, through: Seq(4), missed: Some(Seq(4)), ended: None };
    assert_eq!(found, [through]);
    assert_eq!(trim(driver), 4);
    driver.reopen();
    assert_eq!(seqs(driver, &meta), [5]);
    let away = |driver: &Driver, person| {
        let part = driver.read(driver.store().memberships(world.device(person))).pop().expect("a membership");
        part.acknowledged < part.room.trimmed
    };
    assert_eq!([away(driver, 0), away(driver, 1), away(driver, 2)], [false, true, false]);
}

pub fn a_removed_device_keeps_a_log_until_it_has_its_end_or_a_month_has_passed(driver: &mut Driver) {
    let world = World::new();
    for at in 0..2 {
        let meta = begin(driver, &world, at, 2);
        driver.sequenced(handshake(world.commit(&meta, 0, 10 + u8::try_from(at).unwrap_or(0), &[], &[1])));
        driver.ask(world.hold(&meta, 0, 3));
    }
    let [first, second] = [0, 1].map(|at| room(driver, &world.rooms[at]).meta);
    assert_eq!(trim(driver), 4, "up to where it joined");
    driver.ask(world.hold(&first, 1, 3));
    assert_eq!(trim(driver), 1);
    assert_eq!((seqs(driver, &first), seqs(driver, &second)), (vec![], vec![3]));
    driver.clock().advance(KEPT_UNDELIVERED);
    assert_eq!(trim(driver), 1);
    assert_eq!(seqs(driver, &second), [0; 0]);
}

pub fn a_room_that_nobody_is_in_goes_as_a_whole(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    for id in 0..3 {
        driver.sequenced(world.message(&meta, 0, id, None));
    }
    driver.ask(world.hold(&meta, 0, 5));
    driver.sequenced(handshake(world.commit(&meta, 0, 9, &[], &[0, 1])));
    driver.ask(world.hold(&meta, 0, 6));
    trim(driver);
    assert!(driver.read(driver.store().room(&world.rooms[0])).is_some(), "one has not taken in the end");
    driver.ask(world.hold(&meta, 1, 6));
    trim(driver);
    driver.reopen();
    assert_eq!(driver.read(driver.store().room(&world.rooms[0])), None);
    assert_eq!((seqs(driver, &meta), driver.read(driver.store().usage()).rooms), (vec![], 0));
    assert_eq!(driver.read(driver.store().state(meta.number)), None);
    let again = begin(driver, &world, 1, 2);
    assert!(again.number > meta.number, "a number is never used again");
    driver.sequenced(handshake(world.commit(&again, 0, 10, &[], &[0, 1])));
    driver.ask(world.hold(&again, 0, 9));
    driver.clock().advance(KEPT_UNDELIVERED);
    trim(driver);
    assert_eq!(driver.read(driver.store().memberships(world.device(1))), [], "it has stayed away too long");
}

//! What must hold when a device is revoked.

use wickr_base::Incarnation;

use super::super::super::{Change, Claimed, Followed, Operation, Outcome, Refused};
use super::super::{Driver, World};
use super::{LATER, START, begin, handshake, room};

pub fn a_revoked_device_is_due_for_removal_wherever_it_is(driver: &mut Driver) {
    let world = World::new();
    let first = begin(driver, &world, 0, 3);
    begin(driver, &world, 1, 2);
    begin(driver, &world, 2, 3);
    let followed = Followed { incarnation: Incarnation([3; 16]), number: 5 };
    let revoked = Change { followed, revoked: Some(world.device(2)) };
    let due = driver.ask(Operation::Apply(revoked));
    assert_eq!(due, Outcome::Revoked(vec![world.rooms[0].clone(), world.rooms[2].clone()]));
    assert_eq!(driver.ask(Operation::Apply(revoked)), Outcome::Revoked(Vec::new()));
    driver.reopen();
    assert_eq!(driver.read(driver.store().followed()), Some(followed));
    assert_eq!(driver.read(driver.store().revoked()), [world.device(2)]);
    let mut rooms = driver.read(driver.store().rooms_with_removals());
    rooms.sort();
    let mut expected = vec![world.rooms[0].clone(), world.rooms[2].clone()];
    expected.sort();
    assert_eq!(rooms, expected);
    assert_eq!(room(driver, &world.rooms[0]).removals, [world.device(2)]);
    driver.sequenced(handshake(world.commit(&first, 0, 1, &[], &[2])));
    assert_eq!(room(driver, &world.rooms[0]).removals, []);
    assert_eq!(driver.read(driver.store().rooms_with_removals()), [world.rooms[2].clone()]);
}

pub fn a_revoked_device_can_not_come_back(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    driver.ask(world.publish(2, "ab", true, LATER));
    let followed = Followed { incarnation: Incarnation([3; 16]), number: 1 };
    let revocation = Operation::Apply(Change { followed, revoked: Some(world.device(2)) });
    let join = handshake(world.commit(&meta, 0, 1, &[2], &[]));
    let outcomes = driver.ask_all(vec![revocation, join]);
    assert_eq!(outcomes[1], Outcome::Refused(Refused::Revoked(world.device(2))));
    let claim = Operation::Claim { users: vec![world.people[2].0], kept: vec![], live_at: START };
    assert_eq!(driver.ask(claim), Outcome::Claimed(Claimed::default()));
    assert_eq!(driver.refused(world.publish(2, "c", false, LATER)), Refused::Revoked(world.device(2)));
    assert_eq!(driver.refused(world.create(1, 2)), Refused::Revoked(world.device(2)));
}

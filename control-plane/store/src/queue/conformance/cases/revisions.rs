//! What must hold of the revisions of devices' own stores, by which a copy of an earlier time is told.

use wickr_base::Incarnation;

use super::super::super::{Change, Followed, Operation, Outcome, Refused};
use super::super::{Driver, World};

pub fn a_device_signs_in_only_with_a_store_that_is_further_than_ever_seen(driver: &mut Driver) {
    let world = World::new();
    assert_eq!(driver.ask(world.signs_in(0, 7)), Outcome::Done);
    assert_eq!(driver.refused(world.signs_in(0, 7)), Refused::OldStore { seen: 7 });
    assert_eq!(driver.refused(world.signs_in(0, 6)), Refused::OldStore { seen: 7 });
    assert_eq!(driver.ask(world.signs_in(1, 1)), Outcome::Done, "each device counts for itself");
    driver.reopen();
    assert_eq!(driver.refused(world.signs_in(0, 7)), Refused::OldStore { seen: 7 });
    assert_eq!(driver.ask(world.signs_in(0, 20)), Outcome::Done, "gaps don't matter");
}

pub fn what_a_device_notes_while_connected_counts_at_its_next_sign_in(driver: &mut Driver) {
    let world = World::new();
    driver.ask(world.signs_in(0, 7));
    assert_eq!(driver.ask(world.notes(&[(0, 9), (1, 3)])), Outcome::Done);
    assert_eq!(driver.ask(world.notes(&[(0, 8)])), Outcome::Done, "what came late takes nothing back");
    driver.reopen();
    assert_eq!(driver.refused(world.signs_in(0, 9)), Refused::OldStore { seen: 9 });
    assert_eq!(driver.refused(world.signs_in(1, 3)), Refused::OldStore { seen: 3 });
    let both = vec![world.notes(&[(0, 12)]), world.signs_in(0, 12), world.signs_in(0, 13)];
    let refused = Outcome::Refused(Refused::OldStore { seen: 12 });
    assert_eq!(driver.ask_all(both), [Outcome::Done, refused, Outcome::Done]);
}

pub fn a_revoked_device_signs_in_with_no_store_at_all(driver: &mut Driver) {
    let world = World::new();
    driver.ask(world.signs_in(0, 7));
    let followed = Followed { incarnation: Incarnation([3; 16]), number: 1 };
    driver.ask(Operation::Apply(Change { followed, revoked: Some(world.device(0)) }));
    assert_eq!(driver.ask(world.notes(&[(0, 8)])), Outcome::Done);
    assert_eq!(driver.refused(world.signs_in(0, 9)), Refused::Revoked(world.device(0)));
}

//! What must hold of the store's time when the machine's clock is set.

use std::time::Duration;

use super::super::super::{Operation, Outcome, STANDS};
use super::super::{Driver, World};
use super::{HOUR, START, begin, bodies};

const DAY: Duration = Duration::from_hours(24);

pub fn time_never_goes_back_even_when_the_clock_does(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 1);
    driver.clock().advance(HOUR);
    driver.sequenced(world.message(&meta, 0, 1, None));
    driver.clock().set(START);
    assert_eq!(driver.sequenced(world.message(&meta, 0, 2, None)).place.time, START.plus(HOUR));
    driver.reopen();
    assert_eq!(driver.store().now(), START.plus(HOUR));
    assert_eq!(driver.sequenced(world.message(&meta, 0, 3, None)).place.time, START.plus(HOUR));
}

pub fn a_clock_that_leaps_a_day_ahead_and_comes_back_costs_nothing(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    driver.clock().advance(HOUR);
    let now = START.plus(HOUR);
    driver.sequenced(world.message(&meta, 0, 1, Some(now.plus(HOUR))));
    driver.clock().set(now.plus(DAY));
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 0, more: false });
    assert_eq!(driver.sequenced(world.message(&meta, 0, 2, Some(now.plus(HOUR)))).place.time, now);
    driver.clock().set(now);
    driver.reopen();
    assert_eq!(driver.store().now(), now);
    assert_eq!(bodies(driver, &meta, 2).len(), 2);
}

pub fn a_clock_that_stands_ahead_is_believed_after_a_while(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    driver.sequenced(world.message(&meta, 0, 1, Some(START.plus(HOUR))));
    driver.clock().set(START.plus(DAY));
    assert_eq!(driver.store().now(), START);
    driver.clock().advance(STANDS);
    assert_eq!(driver.store().now(), START.plus(DAY + STANDS));
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 1, more: false });
}

pub fn after_opening_nothing_is_removed_until_the_clock_has_stood(driver: &mut Driver) {
    let world = World::new();
    let meta = begin(driver, &world, 0, 2);
    driver.sequenced(world.message(&meta, 0, 1, Some(START.plus(HOUR))));
    driver.clock().set(START.plus(DAY));
    driver.reopen();
    assert_eq!(bodies(driver, &meta, 2), [], "what has expired is hidden at once");
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 0, more: false });
    driver.clock().advance(STANDS);
    assert_eq!(driver.ask(Operation::Purge { at_most: 9 }), Outcome::Purged { removed: 1, more: false });
}

//! Key packages: given once, held no longer than they last, replaced whole.

use super::super::super::{ClaimedPackage, MAX_POOL, Operation, Outcome, PoolCount, Publish, Refused};
use super::super::{Driver, World};
use super::{HOUR, LATER, START};

pub fn a_package_is_given_once_and_the_last_resort_again(driver: &mut Driver) {
    let world = World::new();
    driver.ask(world.publish(0, "ab", true, LATER));
    driver.ask(world.publish(1, "c", false, LATER));
    let users = vec![world.people[0].0, world.people[1].0, world.people[2].0];
    let claim = Operation::Claim { users, kept: vec![], live_at: START };
    let mut given = Vec::new();
    for outcome in driver.ask_all(vec![claim.clone(), claim.clone()]) {
        let Outcome::Claimed(claimed) = outcome else { unreachable!("{outcome:?}") };
        given.extend(claimed.packages.into_iter().map(|one: ClaimedPackage| one.package.to_vec()));
    }
    given.sort();
    assert_eq!(given, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
    driver.reopen();
    let Outcome::Claimed(claimed) = driver.ask(claim) else { unreachable!() };
    assert_eq!(claimed.packages.len(), 1);
    assert_eq!(claimed.packages[0].package.as_ref(), b"last resort");
    assert_eq!(claimed.without, [world.people[1]]);
}

pub fn of_whose_packages_are_kept_the_last_resort_is_given_where_there_is_one(driver: &mut Driver) {
    let world = World::new();
    driver.ask(world.publish(0, "a", true, LATER));
    driver.ask(world.publish(1, "b", false, LATER));
    let users = vec![world.people[0].0, world.people[1].0];
    let mut claim = |kept| match driver.ask(Operation::Claim { users: users.clone(), kept, live_at: START }) {
        Outcome::Claimed(claimed) => {
            let mut given: Vec<_> = claimed.packages.into_iter().map(|one| one.package.to_vec()).collect();
            given.sort();
            given
        }
        other => unreachable!("{other:?}"),
    };
    assert_eq!(claim(users.clone()), [b"b".to_vec(), b"last resort".to_vec()]);
    assert_eq!(claim(vec![]), [b"a".to_vec()], "it was kept for whoever comes next");
}

pub fn no_package_is_given_that_ends_too_soon(driver: &mut Driver) {
    let world = World::new();
    driver.ask(world.publish(0, "a", false, START.plus(HOUR)));
    driver.ask(world.publish(0, "b", true, START.plus(HOUR * 48)));
    let claim = |live_at| Operation::Claim { users: vec![world.people[0].0], kept: vec![], live_at };
    let package = |outcome: Outcome| match outcome {
        Outcome::Claimed(mut claimed) => claimed.packages.pop().map(|one| one.package.to_vec()),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(package(driver.ask(claim(START.plus(HOUR * 24)))), Some(b"b".to_vec()));
    assert_eq!(package(driver.ask(claim(START.plus(HOUR * 24)))), Some(b"last resort".to_vec()));
    assert_eq!(package(driver.ask(claim(START.plus(HOUR * 48)))), None);
}

pub fn a_pool_takes_two_hundred_packages_and_no_more(driver: &mut Driver) {
    let world = World::new();
    let names = "x".repeat(MAX_POOL as usize - 1);
    driver.ask(world.publish(0, &names, false, START.plus(HOUR)));
    assert_eq!(driver.refused(world.publish(0, "yz", false, LATER)), Refused::Full(world.device(0)));
    assert_eq!(driver.read(driver.store().pool(world.device(0))).one_time, MAX_POOL - 1);
    driver.clock().advance(HOUR);
    let Outcome::Pool(pool) = driver.ask(world.publish(0, "yz", false, LATER)) else { unreachable!() };
    assert_eq!(pool.one_time, 2, "what has ended makes room");
}

pub fn a_pool_that_is_replaced_holds_nothing_of_before(driver: &mut Driver) {
    let world = World::new();
    let replacing = |names, last_resort| match world.publish(0, names, last_resort, LATER) {
        Operation::Publish(publish) => Operation::Publish(Box::new(Publish { replace: true, ..*publish })),
        other => unreachable!("{other:?}"),
    };
    driver.ask(world.publish(0, &"x".repeat(MAX_POOL as usize), true, LATER));
    let Outcome::Pool(pool) = driver.ask(replacing("ab", false)) else { unreachable!() };
    assert_eq!(pool, PoolCount { one_time: 2, last_resort: false });
    driver.reopen();
    let claim = Operation::Claim { users: vec![world.people[0].0], kept: vec![], live_at: START };
    let mut given = Vec::new();
    for outcome in driver.ask_all(vec![claim.clone(), claim.clone(), claim]) {
        let Outcome::Claimed(claimed) = outcome else { unreachable!("{outcome:?}") };
        given.push(claimed.packages.into_iter().map(|one| one.package.to_vec()).next());
    }
    assert_eq!(given, [Some(b"a".to_vec()), Some(b"b".to_vec()), None]);
    let Outcome::Pool(pool) = driver.ask(replacing("c", true)) else { unreachable!() };
    assert_eq!(pool, PoolCount { one_time: 1, last_resort: true });
}

pub fn a_last_resort_that_has_ended_is_none(driver: &mut Driver) {
    let world = World::new();
    let device = world.device(0);
    driver.ask(world.publish(0, "", true, START.plus(HOUR)));
    assert!(driver.read(driver.store().pool(device)).last_resort);
    driver.clock().advance(HOUR);
    assert!(!driver.read(driver.store().pool(device)).last_resort);
    let Outcome::Pool(pool) = driver.ask(world.publish(0, "a", false, LATER)) else { unreachable!() };
    assert_eq!(pool, PoolCount { one_time: 1, last_resort: false });
}

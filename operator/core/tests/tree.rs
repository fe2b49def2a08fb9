//! The tree that `kubectl wickr status` prints, for a network that is well and for one that is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod common;

use common::World;
use wickr_operator_core::{Check, Poll, tree};
use wickr_operator_testkit::objects::demo_provider;

fn drawn(world: &mut World) -> String {
    world.report(None);
    let text = tree::render(&world.network, &[demo_provider()], world.now);
    let pin = world.seen().root.unwrap().to_string();
    text.replace(&pin, "sha256:ROOT")
}

#[test]
fn a_network_that_is_well_ends_with_how_to_join() {
    let mut world = World::up();
    world.wait(400);
    insta::assert_snapshot!(drawn(&mut world));
}

#[test]
fn a_network_that_is_not_says_what_is_wrong_and_what_to_do_first() {
    let mut world = World::up();
    world.wait(30);
    world.relay = Poll::Failed { at: world.now, error: "connection refused".to_owned() };
    world.sso_answer().provider.discovery =
        Some(Check { ok: false, at: None, error: Some("dns: no such host".to_owned()) });
    world.network.spec.paused = true;
    world.report(None);
    world.now = world.now.plus(std::time::Duration::from_secs(45));
    insta::assert_snapshot!(drawn(&mut world));
}

#[test]
fn a_network_that_nobody_looked_at_points_to_the_operator() {
    let world = World::new();
    insta::assert_snapshot!(tree::render(&world.network, &[], world.now));
}

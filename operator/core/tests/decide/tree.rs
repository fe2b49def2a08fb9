//! The tree that `kubectl wickr status` prints, for a network that is well and for one that is not.

use crate::world::World;
use serde_json::json;
use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_core::{Check, Explained, FailureClass, Lookup, Poll, tree};
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
        Some(Check { error: Some("dns: no such host".to_owned()), ..Check::default() });
    world.network.spec.paused = true;
    world.report(None);
    world.now = world.now.plus(std::time::Duration::from_secs(45));
    insta::assert_snapshot!(drawn(&mut world));
}

#[test]
fn a_network_that_serves_while_the_operator_lacks_a_right_ends_with_the_right_to_grant() {
    let mut world = World::up();
    world.report(Some(&Explained {
        class: FailureClass::Forbidden,
        attempted: "patch Service hq/hq-relay".to_owned(),
        message: "services is forbidden".to_owned(),
        next: "grant the operator the verb patch on services in namespace \"hq\"".to_owned(),
        attempts: 1,
    }));
    let text = tree::render(&world.network, &[], world.now);
    assert!(text.contains("hq/hq  Ready for") && text.contains("✗ Degraded           Forbidden"), "{text}");
    assert_eq!(
        text.lines().last(),
        Some("Next: grant the operator the verb patch on services in namespace \"hq\"")
    );
}

#[test]
fn a_network_that_nobody_looked_at_points_to_the_operator() {
    let world = World::new();
    insta::assert_snapshot!(tree::render(&world.network, &[], world.now));
}

fn provider(reason: &str, message: &str) -> IdentityProvider {
    let mut provider = demo_provider();
    let at = "2026-01-02T00:00:00Z";
    let ready = json!({"type": "Ready", "status": "False", "reason": reason, "message": message, "lastTransitionTime": at});
    let waits = json!({"reason": "Rehearsing", "object": "IdentityProvider hq/hq-idp", "since": at,
        "message": "the last rehearsal failed", "next": "mend what the conditions name"});
    provider.status = serde_json::from_value(json!({"conditions": [ready], "waiting": [waits]})).unwrap();
    provider
}

#[test]
fn a_provider_that_is_not_ready_is_seen_to_before_anybody_joins_and_says_what_it_waits_for() {
    let mut world = World::up();
    world.report(None);
    let drawn = |message: &str| tree::render(&world.network, &[provider("KeysUnusable", message)], world.now);
    let text = drawn("no keys. Next: see that the provider's jwks_uri answers.");
    assert_eq!(text.lines().last(), Some("Next: see that the provider's jwks_uri answers"));
    assert!(text.contains("   └─ … waiting for 0s: Rehearsing (IdentityProvider hq/hq-idp)"), "{text}");
    assert!(text.contains("Next: mend what the conditions name."), "{text}");
    let text = drawn("no keys");
    assert_eq!(text.lines().last(), Some("Next: kubectl describe widp -n hq hq-idp"));
}

#[test]
fn what_to_do_next_names_its_object_and_no_pod_that_is_not_there() {
    let mut world = World::up();
    world.refs.provider = Some(Lookup::Missing);
    assert_eq!(drawn(&mut world).lines().last(), Some("Next: apply IdentityProvider hq/hq-idp"));
    let mut world = World::up();
    world.relay = Poll::Failed { at: world.now, error: "no such host".to_owned() };
    world.pods.clear();
    let text = drawn(&mut world);
    assert_eq!(text.lines().last(), Some("Next: kubectl describe statefulset -n hq hq-relay: it has no pod"));
}

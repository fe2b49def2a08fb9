//! What is told of a rehearsal: one cause, one thing to do, and when it is tried again.

use super::*;

#[test]
fn a_wrong_realm_is_one_cause_with_one_thing_to_do_next() {
    let mut world = World::new();
    world.rehearsed(Some("Discovery"));
    let status = world.report();
    let failed: Vec<&str> = status
        .conditions
        .iter()
        .filter(|found| found.status == "False" && !["Ready", "Active"].contains(&found.type_.as_str()))
        .map(|found| found.type_.as_str())
        .collect();
    assert_eq!(failed, [condition::DISCOVERED]);
    assert_eq!(told(&status, condition::DEVICE_GRANT), "Unknown NotTried");
    assert!(!message(&status, condition::DEVICE_GRANT).contains("Next"));
    assert_eq!(told(&status, condition::READY), "False DiscoveryFailed");
    assert_eq!(message(&status, condition::READY).matches("Next: ").count(), 1);
}

#[test]
fn a_wrong_client_secret_is_not_taken_for_a_missing_grant() {
    let told_by = |detail: &str| {
        let mut world = World::new();
        world.rehearsed(Some("DeviceGrant"));
        let Rehearsal::Done { answer, .. } = &mut world.seen.rehearsal else { panic!("it is done") };
        answer.checks.iter_mut().filter(|check| !check.ok).for_each(|check| check.detail = detail.to_owned());
        let status = world.report();
        let text = message(&status, condition::READY);
        (told(&status, condition::READY), text.split_once("Next: ").unwrap().1.to_owned())
    };
    for detail in [
        "the identity provider refused: invalid_client (no such client)",
        "the identity provider refused: unauthorized_client (Invalid client or Invalid client credentials)",
    ] {
        let (reason, next) = told_by(detail);
        assert_eq!(reason, "False ClientRefused", "{detail}");
        assert!(next.starts_with("check spec.clientId and the Secret of clientSecretRef"), "{next}");
    }
    let (reason, next) = told_by("the identity provider refused: unauthorized_client (The flow is disabled)");
    assert_eq!(reason, "False DeviceGrantMissing");
    assert!(next.starts_with("allow the client the device authorization grant"), "{next}");
}

#[test]
fn a_client_that_the_provider_refuses_later_makes_it_unready_and_one_never_tried_does_not() {
    let mut world = World::live();
    let mut said = |client: Check| {
        let Poll::Answered { answer, .. } = &mut world.seen.sso else { panic!("sso answers") };
        answer.provider.client = Some(client);
        told(&world.report(), condition::READY)
    };
    assert_eq!(said(Check::default()), "True Ready");
    let refused = Check { error: Some("invalid_client".to_owned()), ..Check::default() };
    assert_eq!(said(refused), "False ClientRefused");
}

#[test]
fn only_a_failure_of_the_last_minute_is_waited_out_by_whatever_clock_it_was_noted() {
    // Seconds between the failure and now, whether it is rehearsed again.
    for (age, again) in [(0, false), (59, false), (60, true), (3600, true), (-1, true), (-86_400, true)] {
        let mut world = World::new();
        world.rehearsed(Some("Keys"));
        world.report();
        world.now = UnixMillis(START.0 + age * 1000);
        assert_eq!(world.plan().rehearse.is_some(), again, "after {age} s, by memory");
        world.seen.rehearsal = Rehearsal::None;
        assert_eq!(world.plan().rehearse.is_some(), again, "after {age} s, by status");
    }
}

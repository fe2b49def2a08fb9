//! What is told of the ID tokens that a provider gives.

use super::*;

fn seen(ok: bool, error: Option<&str>, skew_ms: Option<i64>) -> IdentityProviderStatus {
    let mut world = World::live();
    let Poll::Answered { answer, .. } = &mut world.seen.sso else { panic!("sso answers") };
    answer.provider.id_tokens = Some(Check { ok, error: error.map(str::to_owned), ..Check::default() });
    answer.provider.clock_skew_ms = skew_ms;
    world.report()
}

fn both(status: &IdentityProviderStatus) -> [String; 2] {
    [condition::TOKENS, condition::READY].map(|type_| told(status, type_))
}

#[test]
fn a_clock_that_is_apart_is_told_with_how_far_and_nobody_can_sign_in() {
    let why = "the ID token was made 600 s in the future by our clock";
    let status = seen(false, Some(why), Some(600_000));
    assert_eq!(both(&status), ["False ClockSkew", "False ClockSkew"]);
    let told = find_condition(&status.conditions, condition::TOKENS).unwrap();
    insta::assert_yaml_snapshot!("clock_ahead", told);
    let behind = seen(false, Some("the ID token expired 300 s ago by our clock"), Some(-600_000));
    let told = message(&behind, condition::READY);
    assert!(told.contains("600 s behind that of sso") && told.contains("Next: set the clocks"), "{told}");
}

#[test]
fn a_token_by_an_unknown_key_is_told_without_calling_the_provider_unready() {
    let why = "the ID token is signed by a key that the identity provider doesn't publish";
    let status = seen(false, Some(why), Some(200));
    assert_eq!(both(&status), ["False Refused", "True Ready"]);
    let told = find_condition(&status.conditions, condition::TOKENS).unwrap();
    insta::assert_yaml_snapshot!("unknown_key", told);
}

#[test]
fn tokens_that_hold_are_told_and_none_yet_is_nothing_bad() {
    assert_eq!(both(&seen(true, None, Some(200))), ["True Held", "True Ready"]);
    assert_eq!(both(&seen(false, None, None)), ["Unknown NotSeen", "True Ready"]);
}

#[test]
fn tokens_of_another_provider_in_service_are_not_told_of_this_one() {
    let mut world = World::live();
    world.in_use("another's");
    let Poll::Answered { answer, .. } = &mut world.seen.sso else { panic!("sso answers") };
    answer.provider.id_tokens = Some(Check { error: Some("refused".to_owned()), ..Check::default() });
    world.provider.status = None;
    assert_eq!(told(&world.report(), condition::TOKENS), "Unknown NotSeen");
}

//! Keys that change: a new one is found at once, and a key that nobody publishes doesn't make us ask without end.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::told;
use crate::testing::{Phone, Signing, Twist, World};

#[tokio::test]
async fn tokens_by_a_new_key_are_believed_after_one_look_whoever_comes_with_them() {
    let world = World::new().await;
    world.idp.behave(|idp| (idp.signing, idp.publishes_new_key) = (Signing::Unpublished, true));
    let before = world.idp.asked("keys");
    let people: Vec<String> = (0..8).map(|at| format!("person-{at}")).collect();
    let (mut phones, mut flows) = (Vec::new(), Vec::new());
    for person in &people {
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        world.idp.approve(&begun.text_of("user_code"), person);
        flows.push(begun.text_of("flow"));
        phones.push(phone);
    }
    world.pass(Duration::from_secs(5));
    let polls = phones.iter().zip(&flows).map(|(phone, flow)| world.poll(phone, flow));
    for answer in futures::future::join_all(polls).await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    assert_eq!(world.idp.asked("keys"), before + 1, "one look for all who came at once");
}

#[tokio::test]
async fn tokens_by_a_key_that_nobody_publishes_make_us_look_a_few_times_and_no_more() {
    let world = World::new().await;
    world.idp.behave(|idp| idp.signing = Signing::Unpublished);
    let before = world.idp.asked("keys");
    for at in 0..12 {
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        world.idp.approve(&begun.text_of("user_code"), &format!("person-{at}"));
        // Not `try_sign_in`: it lets five seconds pass, and a minute allows two looks more.
        world.pass(if at == 0 { Duration::from_secs(5) } else { Duration::ZERO });
        let answer = loop {
            let answer = world.poll(&phone, &begun.text_of("flow")).await;
            if answer.status != StatusCode::ACCEPTED {
                break answer;
            }
            world.pass(Duration::from_millis(500));
        };
        assert_eq!(answer.code(), "sign-in-refused");
        assert!(answer.text_of("detail").contains("doesn't publish"), "{answer:?}");
    }
    // Twelve sign-ins in about a minute: three looks at once, then one in 30 s.
    let looks = world.idp.asked("keys") - before;
    assert!((3..=5).contains(&looks), "{looks} looks");
    world.idp.behave(|idp| idp.signing = Signing::Own);
    world.phone_of("alice").await;
}

#[tokio::test]
async fn keys_that_can_not_be_used_do_not_replace_those_that_can() {
    let world = World::new().await;
    let short = "x".repeat(171);
    let rows = [
        ("none", json!({"keys": []})),
        ("a shared secret", json!({"keys": [{"kty": "oct", "k": "c2VjcmV0", "use": "sig", "kid": "ec-1"}]})),
        ("RSA of 1024 bits", json!({"keys": [{"kty": "RSA", "n": short, "e": "AQAB", "kid": "ec-1"}]})),
        ("for encryption", json!({"keys": [world_key_for(&world, "enc")]})),
    ];
    for (at, (name, keys)) in rows.into_iter().enumerate() {
        let body = keys.to_string();
        world.idp.behave(|idp| idp.wire = Some(("keys", crate::testing::json(&body))));
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        assert!(told(&world, "keys").await.contains("none of the keys"), "{name}");
        world.phone_of(&format!("person-{at}")).await;
        world.idp.behave(|idp| idp.wire = None);
        world.sso.round().await;
        assert_eq!(told(&world, "keys").await, "", "{name}, hostility off");
    }
}

fn world_key_for(world: &World, usage: &str) -> serde_json::Value {
    let mut key = world.idp.foreign_jwk("ec-1");
    key["use"] = json!(usage);
    key
}

#[tokio::test]
async fn a_look_for_a_new_key_that_fails_is_told_and_costs_nobody_else_the_sign_in() {
    let world = World::new().await;
    world.idp.behave(|idp| (idp.signing, idp.keys) = (Signing::Unpublished, Twist::Status(500)));
    let refused = world.try_sign_in(&Phone::new(), "alice").await;
    assert_eq!(refused.code(), "sign-in-refused");
    assert!(told(&world, "keys").await.contains("500"));
    world.idp.behave(|idp| idp.signing = Signing::Own);
    world.phone_of("bob").await;
}

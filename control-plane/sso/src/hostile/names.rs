//! Usernames that must not become somebody's handle.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::fit_to_be_shown;
use crate::testing::{Behaviour, Phone, World};

const NO_TEXT: &str = "no claim \"preferred_username\" with a text";
const NO_HANDLE: &str = "the username that the identity provider gave can't be a handle";
const UNREADABLE: &str = "kind that belongs there";

fn rows() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("none", Value::Null, NO_TEXT),
        ("empty", json!(""), NO_TEXT),
        ("a number", json!(7), UNREADABLE),
        ("a list", json!(["alice"]), UNREADABLE),
        ("an object", json!({"alice": true}), UNREADABLE),
        ("a hundred thousand bytes", json!("x".repeat(100_000)), "has 100000 bytes, too many for a username"),
        ("sixty-five bytes", json!("x".repeat(65)), NO_HANDLE),
        ("a null character", json!("ali\u{0}ce"), NO_HANDLE),
        ("what a terminal obeys", json!("\u{1b}[2Jalice"), NO_HANDLE),
        ("a line break", json!("alice\nadmin"), NO_HANDLE),
        ("written from right to left", json!("\u{202e}ecila"), NO_HANDLE),
        ("characters without width", json!("ali\u{200b}ce"), NO_HANDLE),
        ("a space", json!("alice admin"), NO_HANDLE),
        ("a path", json!("../alice"), NO_HANDLE),
        ("another network's", json!("alice@elsewhere.example"), NO_HANDLE),
        ("two networks'", json!("alice@elsewhere.example@hq.example"), NO_HANDLE),
        ("compatibility characters", json!("\u{210c}enry"), NO_HANDLE),
        ("a private character", json!("\u{e000}"), NO_HANDLE),
    ]
}

#[tokio::test]
async fn odd_usernames_let_nobody_in() {
    let world = World::new().await;
    for (at, (name, username, reason)) in rows().into_iter().enumerate() {
        let person = format!("person-{at}");
        world.idp.claim("preferred_username", username);
        let refused = world.try_sign_in(&Phone::new(), &person).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "sign-in-refused"), "{name}");
        let detail = refused.text_of("detail");
        assert!(detail.contains(reason), "{name}: {detail}");
        fit_to_be_shown(&detail, name);
        world.idp.behave(|idp| *idp = Behaviour::default());
        world.phone_of(&person).await;
    }
}

#[tokio::test]
async fn one_spelling_of_a_name_is_one_handle_and_somebody_elses_is_refused() {
    let world = World::new().await;
    world.idp.claim("preferred_username", json!("ren\u{e9}e"));
    let renee = world.phone_of("renee").await;
    // The same name in capitals, with the accent apart, in full width, with the network's name: always hers.
    for spelling in ["REN\u{c9}E", "rene\u{301}e", "\u{ff52}en\u{e9}e", "ren\u{e9}e@HQ.example"] {
        world.idp.claim("preferred_username", json!(spelling));
        let refused = world.try_sign_in(&Phone::new(), "mallory").await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "handle-taken"), "{spelling}");
        assert_eq!(world.phone_of("renee").await.user, renee.user, "{spelling}, hers");
    }
    world.idp.behave(|idp| idp.claims = None);
    world.phone_of("mallory").await;
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_not_taken_over_by_a_change_of_name() {
    let world = World::new().await;
    let (alice, mut mallory) = (world.phone_of("alice").await, world.phone_of("mallory").await);
    world.idp.claim("preferred_username", json!("alice"));
    let refused = world.try_sign_in(&Phone::new(), "mallory").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "handle-taken"));
    let path = "/v1/directory/handles/alice@hq.example";
    let found = world.signed(&mallory, "GET", path).await;
    assert_eq!(found.json["user"], json!(alice.user), "the handle is still hers: {found:?}");
    world.idp.behave(|idp| idp.claims = None);
    world.sign_in(&mut mallory, "mallory").await;
}

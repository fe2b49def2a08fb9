//! Answers about a sign-in: the beginning of a device grant, its tokens, the change of a code, and answers that come
//! twice.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{BUFFERS, detail, fit_to_be_shown, told};
use crate::testing::{Behaviour, CLIENT_SECRET, Phone, Wire, World, head, json as json_answer, typed};

const TICK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_a_person_is_shown_is_an_https_address_and_a_code_that_one_can_type() {
    let world = World::new().await;
    let long = |begin: &str| format!("{begin}{}", "x".repeat(3_000));
    let rows: [(&str, Value, &str); 9] = [
        ("a file", json!({"verification_uri": "file:///etc/passwd"}), "verification_uri"),
        ("plain HTTP", json!({"verification_uri": "http://localhost/type"}), "verification_uri"),
        (
            "a script",
            json!({"verification_uri_complete": "javascript:alert(1)"}),
            "verification_uri_complete",
        ),
        ("an option", json!({"verification_uri_complete": "--help"}), "verification_uri_complete"),
        (
            "too long",
            json!({"verification_uri_complete": long("https://idp.example/")}),
            "is no https address",
        ),
        ("a code that a terminal obeys", json!({"user_code": "\u{1b}[2J"}), "one can type"),
        ("a code without end", json!({"user_code": long("")}), "one can type"),
        ("no code", json!({"user_code": ""}), "one can type"),
        ("a device code without end", json!({"device_code": "x".repeat(100_000)}), "has 100000 bytes"),
    ];
    for (name, members, reason) in rows {
        world.idp.behave(|idp| idp.grant = Some(members));
        let refused = world.begin(&Phone::new()).await;
        assert_eq!(refused.code(), "provider-unreachable", "{name}: {refused:?}");
        assert!(refused.text_of("detail").contains(reason), "{name}: {refused:?}");
        fit_to_be_shown(&refused.text_of("detail"), name);
        let candidate = world.admin("POST", "/rehearse", Some(world.idp.settings("candidate"))).await;
        assert!(detail(&candidate, "DeviceGrant").contains(reason), "{name}: {candidate:?}");
        world.idp.behave(|idp| idp.grant = None);
        assert_eq!(world.begin(&Phone::new()).await.status, StatusCode::OK, "{name}, hostility off");
    }
    let numbers = json!({"expires_in": u64::MAX, "interval": u64::MAX});
    world.idp.behave(|idp| idp.grant = Some(numbers));
    let begun = world.begin(&Phone::new()).await;
    assert_eq!(begun.json["interval_s"], 60, "times without end are cut: {begun:?}");
}

#[tokio::test]
async fn tokens_are_read_only_in_the_right_form_and_size() {
    type Row = (&'static str, fn() -> Wire, &'static str, &'static str);
    const JSON: &str = "content-type: application/json\r\n";
    let (refused, again) = ("sign-in-refused", "provider-unreachable");
    let rows: [Row; 8] = [
        (
            "without end",
            || Wire::Endless(head("200 OK", JSON), vec![b' '; 64 * 1024]),
            refused,
            "larger than 262144 bytes",
        ),
        (
            "compressed",
            || Wire::Once(head("200 OK", &format!("{JSON}content-encoding: br\r\ncontent-length: 0\r\n"))),
            refused,
            "compressed",
        ),
        ("a page", || typed("text/html", "<html>"), refused, "instead of application/json"),
        (
            "names that stand twice",
            || json_answer(r#"{"access_token":"access-1","access_token":"access-2"}"#),
            refused,
            "names \"access_token\" twice",
        ),
        ("a token where none belongs", || json_answer(r#""eyJhbGciOi""#), refused, "belongs there"),
        ("no tokens", || json_answer("{}"), refused, "missing field"),
        (
            "a redirect",
            || Wire::Once(head("307 Temporary Redirect", "location: https://elsewhere.example/\r\n")),
            again,
            "redirects are not followed",
        ),
        ("a connection that drops", || Wire::Once(Vec::new()), again, "can't be reached"),
    ];
    let world = World::new().await;
    for (at, (name, does, code, reason)) in rows.into_iter().enumerate() {
        let bytes = world.idp.served().bytes();
        world.idp.behave(|idp| idp.wire = Some(("token", does())));
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        world.idp.approve(&begun.text_of("user_code"), &format!("person-{at}"));
        world.pass(TICK);
        let answer = world.poll(&phone, &begun.text_of("flow")).await;
        assert_eq!(answer.code(), code, "{name}: {answer:?}");
        assert!(answer.text_of("detail").contains(reason), "{name}: {answer:?}");
        fit_to_be_shown(&answer.text_of("detail"), name);
        assert!(world.idp.served().bytes() - bytes < BUFFERS, "{name}");
        world.idp.behave(|idp| idp.wire = None);
        world.pass(TICK);
        // Nothing was decided: the same sign-in goes on. What was spent has to begin again.
        let outcome = world.poll(&phone, &begun.text_of("flow")).await.status;
        assert_eq!(outcome, if code == again { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{name}");
        world.phone_of(&format!("person-{at}")).await;
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_what_it_was_asked_with_is_told_without_that() {
    let world = World::new().await;
    let echoes = [
        ("the client secret", format!("bad secret {CLIENT_SECRET}")),
        ("a part of it", format!("bad secret {}", &CLIENT_SECRET[..14])),
    ];
    for (name, description) in echoes {
        world.idp.behave(|idp| idp.refusal = Some(("access_denied", description)));
        let refused = world.try_sign_in(&Phone::new(), "alice").await;
        assert_eq!(refused.code(), "sign-in-refused");
        let text = refused.text_of("detail");
        assert!(text.contains("access_denied") && !text.contains("bad secret"), "{name}: {text}");
        world.idp.behave(|idp| idp.refusal = Some(("access_denied", "ask\u{1b}[2J the desk".to_owned())));
        let refused = world.try_sign_in(&Phone::new(), "alice").await;
        assert!(refused.text_of("detail").contains("(ask[2J the desk)"), "{name}, said plainly: {refused:?}");
        world.idp.behave(|idp| idp.refusal = None);
        world.phone_of("alice").await;
    }
}

#[tokio::test]
async fn a_device_grant_and_a_code_are_spent_once_whoever_comes_with_them_again() {
    let world = World::new().await;
    let (phone, thief) = (Phone::new(), Phone::new());
    let begun = world.begin(&phone).await;
    let flow = begun.text_of("flow");
    world.idp.approve(&begun.text_of("user_code"), "alice");
    world.pass(TICK);
    let first = world.poll(&phone, &flow).await;
    assert_eq!(first.status, StatusCode::OK);
    let asked = world.idp.asked("token");
    // The person approves once more what is long done; the same device comes again, and a thief.
    world.pass(TICK);
    let again = world.poll(&phone, &flow).await;
    assert_eq!(again.text_of("device"), first.text_of("device"), "its own answer again, no second device");
    assert_eq!(world.poll(&thief, &flow).await.code(), "unauthenticated");
    assert_eq!(world.idp.asked("token"), asked, "the provider isn't asked about it again");

    let (phone, thief) = (Phone::new(), Phone::new());
    let begun = world.begin_code(&phone).await;
    let query = world.idp.browse(&begun.text_of("authorize_url"), "bob");
    let back = |query: &str| format!("{}?{query}", crate::public::CALLBACK);
    assert_eq!(world.get(&back(&query)).await.status, StatusCode::OK);
    let asked = world.idp.asked("token");
    assert_eq!(world.get(&back(&query)).await.status, StatusCode::BAD_REQUEST, "the same code and state");
    let others = world.begin_code(&thief).await;
    let state = world.idp.browse(&others.text_of("authorize_url"), "mallory");
    let part =
        |query: &str, name: &str| query.split('&').find(|part| part.starts_with(name)).unwrap().to_owned();
    assert_eq!(world.idp.asked("token"), asked);
    let mixed = format!("{}&{}", part(&state, "state="), part(&query, "code="));
    assert_eq!(
        world.get(&back(&mixed)).await.status,
        StatusCode::BAD_REQUEST,
        "a spent code, another's state"
    );
    assert_eq!(world.poll(&thief, &others.text_of("flow")).await.code(), "sign-in-refused");
    assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.text_of("handle"), "bob@hq.example");
}

#[tokio::test]
async fn a_refresh_token_without_end_is_not_kept() {
    let world = World::new().await;
    world.idp.behave(|idp| idp.refresh_token = Some("x".repeat(100_000)));
    let refused = world.try_sign_in(&Phone::new(), "alice").await;
    assert_eq!(refused.code(), "sign-in-refused");
    assert!(refused.text_of("detail").contains("has 100000 bytes, at most 16384 are kept"), "{refused:?}");
    assert!(told(&world, "id_tokens").await.contains("refresh token"));
    world.idp.behave(|idp| *idp = Behaviour::default());
    world.phone_of("alice").await;
}

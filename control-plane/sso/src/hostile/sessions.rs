//! Answers about a session: who vouches for somebody else ends it; what merely doesn't hold counts as no answer, told and
//! bridged by the grace, and never costs the refresh token.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use wickr_base::Clock as _;

use super::{fit_to_be_shown, told};
use crate::testing::{Refreshing, Signing, World};

const PATH: &str = "/v1/session";
const QUARTER: Duration = Duration::from_mins(15);

#[tokio::test]
async fn a_refresh_that_does_not_hold_is_told_and_bridged_and_the_session_goes_on_when_it_holds_again() {
    type Row = (&'static str, fn(&World), &'static str);
    let rows: [Row; 8] = [
        ("another issuer", |w| w.idp.claim("iss", json!("https://elsewhere.example")), "Invalid issuer"),
        ("another audience", |w| w.idp.claim("aud", json!("other-client")), "Invalid audiences"),
        ("another client", |w| w.idp.claim("azp", json!("other-client")), "(azp)"),
        (
            "a clock ten minutes ahead",
            |w| w.idp.claim("iat", json!(w.clock.now().seconds() + 600)),
            "was made 600 s in the future by our clock",
        ),
        (
            "a clock ten minutes behind",
            |w| {
                let now = w.clock.now().seconds();
                w.idp.behave(|idp| {
                    idp.claims = Some(std::sync::Arc::new(move |claims| {
                        (claims["iat"], claims["exp"]) = (json!(now - 600), json!(now - 300));
                    }));
                });
            },
            "expired 300 s ago and was made 600 s ago by our clock",
        ),
        ("no signature", |w| w.idp.behave(|idp| idp.signing = Signing::None), "No signature"),
        ("a stranger's", |w| w.idp.behave(|idp| idp.signing = Signing::Foreign), "Crypto error"),
        ("an unknown key", |w| w.idp.behave(|idp| idp.signing = Signing::Unpublished), "doesn't publish"),
    ];
    for (name, does, reason) in rows {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.pass(QUARTER);
        does(&world);
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK, "{name}: bridged by the grace");
        let seen = told(&world, "id_tokens").await;
        assert!(seen.contains(reason), "{name}: {seen}");
        fit_to_be_shown(&seen, name);
        // As long as that goes on, it counts as no answer, and the grace ends.
        world.pass(Duration::from_mins(46));
        world.sso.round().await;
        does(&world);
        assert_eq!(world.renew(&phone, PATH).await.code(), "provider-unreachable", "{name}");
        world.idp.behave(|idp| (idp.claims, idp.signing) = (None, Signing::Own));
        world.pass(QUARTER);
        world.sso.round().await;
        // The double replaces each refresh token, so that the one of the bad answer is needed by now.
        let well = world.renew(&phone, PATH).await;
        assert_eq!(well.status, StatusCode::OK, "{name}, hostility off: {well:?}");
    }
}

#[tokio::test]
async fn a_refresh_that_vouches_for_somebody_else_ends_the_session_also_by_a_new_key() {
    for new_key in [false, true] {
        let world = World::new().await;
        let (phone, other) = (world.phone_of("alice").await, world.phone_of("bob").await);
        world.idp.behave(|idp| {
            idp.refreshing = Refreshing::OtherSubject;
            if new_key {
                (idp.signing, idp.publishes_new_key) = (Signing::Unpublished, true);
            }
        });
        world.pass(QUARTER);
        assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired", "new key: {new_key}");
        assert!(told(&world, "id_tokens").await.contains("somebody else"), "new key: {new_key}");
        world.idp.behave(|idp| idp.refreshing = Refreshing::Honour);
        assert_eq!(world.renew(&other, PATH).await.status, StatusCode::OK, "others go on");
        let mut phone = phone;
        world.sign_in(&mut phone, "alice").await;
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_refresh_by_a_new_key_or_without_an_id_token_is_honoured() {
    let world = World::new().await;
    let phone = world.phone_of("alice").await;
    for change in [
        (|idp| (idp.signing, idp.publishes_new_key) = (Signing::Unpublished, true))
            as fn(&mut crate::testing::Behaviour),
        |idp| idp.no_id_token_at_refresh = true,
    ] {
        world.idp.behave(change);
        // Past the grace: only a yes of the provider lets it go on.
        for _ in 0..5 {
            world.pass(QUARTER);
            world.sso.round().await;
            assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_used_by_somebody_else_ends_only_its_session() {
    let world = World::new().await;
    let (phone, other) = (world.phone_of("alice").await, world.phone_of("bob").await);
    world.idp.behave(|idp| idp.refreshing = Refreshing::Refuse("invalid_grant"));
    world.pass(QUARTER);
    assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired");
    world.idp.behave(|idp| idp.refreshing = Refreshing::Honour);
    assert_eq!(world.renew(&other, PATH).await.status, StatusCode::OK);
    let status = crate::admin::status(std::sync::Arc::clone(&world.sso)).await;
    assert_eq!(status["provider"]["id_tokens"]["error"], Value::Null);
}

//! Two providers, one of them hostile: what is one's never reaches the other, and who tries out one keeps the other's
//! sign-ins (RFC 9207, RFC 9700 section 4.4).

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use crate::testing::{Idp, Phone, World};

async fn come_back(world: &World, query: &str) -> crate::testing::Answer {
    world.get(&format!("{}?{query}", crate::public::CALLBACK)).await
}

async fn adopt(world: &World, idp: &Idp, generation: &str) {
    let answer = world.admin("POST", "/rehearse", Some(idp.settings(generation))).await;
    assert_eq!(answer.json["adopted"], true, "{answer:?}");
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused_and_the_sign_in_still_waits_for_its_own() {
    let world = World::new().await;
    let other = Idp::start(Arc::clone(&world.clock)).await;
    for names_itself in [false, true] {
        world.idp.behave(|idp| idp.names_itself = names_itself);
        other.behave(|idp| idp.names_itself = true);
        world.sso.round().await;
        let phone = Phone::new();
        let begun = world.begin_code(&phone).await;
        let url = begun.text_of("authorize_url");
        let asked = (world.idp.asked("token"), other.asked("token"));
        let foreign = come_back(&world, &other.browse(&url, "mallory")).await;
        assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
        assert!(foreign.text.contains("another identity provider"), "{}", foreign.text);
        if names_itself {
            other.behave(|idp| idp.names_itself = false);
            let silent = come_back(&world, &other.browse(&url, "mallory")).await;
            assert!(silent.text.contains("another identity provider"), "without iss: {}", silent.text);
        }
        assert_eq!((world.idp.asked("token"), other.asked("token")), asked, "no code is shown to anybody");
        let own = come_back(&world, &world.idp.browse(&url, "alice")).await;
        assert_eq!(own.status, StatusCode::OK, "its own: {}", own.text);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn trying_out_another_provider_leaves_open_sign_ins_alone() {
    let world = World::new().await;
    let other = Idp::start(Arc::clone(&world.clock)).await;
    let (by_code, by_grant) = (Phone::new(), Phone::new());
    let (code, grant) = (world.begin_code(&by_code).await, world.begin(&by_grant).await);
    let mut settings = other.settings("g2");
    settings["adopt"] = false.into();
    assert_eq!(world.admin("POST", "/rehearse", Some(settings)).await.json["passed"], true);
    other.behave(|idp| idp.refuses_client = true);
    let failed = world.admin("POST", "/rehearse", Some(other.settings("g2"))).await;
    assert_eq!(failed.json["adopted"], false);
    let query = world.idp.browse(&code.text_of("authorize_url"), "alice");
    assert_eq!(come_back(&world, &query).await.status, StatusCode::OK);
    assert_eq!(world.poll(&by_code, &code.text_of("flow")).await.status, StatusCode::OK);
    world.idp.approve(&grant.text_of("user_code"), "bob");
    world.pass(Duration::from_secs(5));
    assert_eq!(world.poll(&by_grant, &grant.text_of("flow")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn after_a_change_of_provider_nothing_of_the_first_goes_to_the_second() {
    let world = World::new().await;
    let other = Idp::start(Arc::clone(&world.clock)).await;
    let signed_in = world.phone_of("alice").await;
    let (by_code, by_grant) = (Phone::new(), Phone::new());
    let (code, grant) = (world.begin_code(&by_code).await, world.begin(&by_grant).await);
    let query = world.idp.browse(&code.text_of("authorize_url"), "bob");
    world.idp.approve(&grant.text_of("user_code"), "carol");
    adopt(&world, &other, "g2").await;
    world.pass(Duration::from_secs(5));
    let page = come_back(&world, &query).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("with another identity provider now"), "{}", page.text);
    let refused = world.poll(&by_grant, &grant.text_of("flow")).await;
    assert_eq!(refused.code(), "sign-in-expired", "{refused:?}");
    assert!(refused.text_of("detail").contains("another identity provider now; begin again"));
    world.pass(Duration::from_mins(15));
    let renewed = world.renew(&signed_in, "/v1/session").await;
    assert_eq!(renewed.status, StatusCode::OK, "its session lives on for the grace: {renewed:?}");
    assert_eq!((other.asked("token"), world.idp.asked("token")), (0, 1), "no code, no refresh token");
    // Back again: what the first had vouched for goes on.
    adopt(&world, &world.idp, "g3").await;
    world.pass(Duration::from_mins(15));
    assert_eq!(world.renew(&signed_in, "/v1/session").await.status, StatusCode::OK);
    assert_eq!((other.asked("token"), world.idp.asked("token")), (0, 2));
}

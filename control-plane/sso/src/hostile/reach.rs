//! How a provider is reached: whose certificate, how long it may take, how many questions at a time, and where its
//! documents may send us.

use std::sync::Arc;

use serde_json::json;

use super::{detail, fit_to_be_shown};
use crate::testing::{Idp, Phone, Wire, World, head};

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_and_nothing_is_asked() {
    let world = World::without_provider().await;
    for name in ["elsewhere.example", "*.example", "localhost.example"] {
        let other = Idp::named(Arc::clone(&world.clock), name).await;
        let answer = world.admin("POST", "/rehearse", Some(other.settings("g1"))).await;
        let refused = detail(&answer, "Certificates");
        assert!(
            refused.contains("TLS with \"localhost\"") && refused.contains("valid for name"),
            "{refused}"
        );
        assert_eq!(other.asked("openid-configuration"), 0);
    }
    let answer = world.admin("POST", "/rehearse", Some(world.idp.settings("g1"))).await;
    assert_eq!(answer.json["adopted"], true, "the right name: {answer:?}");
}

/// Each ends by the limit of three seconds that this test has set, all at the same time.
#[tokio::test]
async fn who_is_slow_is_cut_off_at_the_limit() {
    type Row = (&'static str, fn() -> Wire);
    let rows: [Row; 4] = [
        ("silence", || Wire::Silent),
        ("headers, a byte a second", || Wire::Slow(b"HTTP/1.1 200 OK\r\nx-slow:".to_vec())),
        ("a body, a byte a second", || {
            Wire::Slow(head("200 OK", "content-type: application/json\r\ncontent-length: 1000\r\n"))
        }),
        ("promises of an answer without end", || {
            Wire::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())
        }),
    ];
    let run = async |name: &str, does: fn() -> Wire| {
        let world = World::new().await;
        world.idp.behave(|idp| idp.wire = Some(("openid-configuration", does())));
        let answer = world.admin("POST", "/rehearse", Some(world.idp.settings("g2"))).await;
        let refused = detail(&answer, "Discovery");
        assert!(refused.contains("did not answer within 3s"), "{name}: {refused}");
        world.phone_of("alice").await;
        world.idp.behave(|idp| idp.wire = None);
        let well = world.admin("POST", "/rehearse", Some(world.idp.settings("g2"))).await;
        assert_eq!(well.json["adopted"], true, "{name}, hostility off: {well:?}");
        while world.idp.served().cut() == 0 {
            tokio::task::yield_now().await;
        }
    };
    futures::future::join_all(rows.map(|(name, does)| run(name, does))).await;
}

#[tokio::test]
async fn a_provider_that_holds_its_answers_back_gets_only_so_many_questions_at_a_time() {
    const QUESTIONS: usize = 70;
    let world = World::new().await;
    world.idp.behave(|idp| idp.wire = Some(("device", Wire::Silent)));
    let phones: Vec<Phone> = (0..QUESTIONS).map(|_| Phone::new()).collect();
    let answers = futures::future::join_all(phones.iter().map(|phone| world.begin(phone))).await;
    for answer in answers {
        assert_eq!(answer.code(), "provider-unreachable", "{answer:?}");
        assert!(answer.text_of("detail").contains("did not answer within"), "{answer:?}");
    }
    assert_eq!(world.idp.served().most_open(), 64, "of {QUESTIONS}");
    world.idp.behave(|idp| idp.wire = None);
    world.phone_of("alice").await;
}

#[tokio::test]
async fn documents_that_send_us_to_link_local_addresses_or_to_plain_http_are_refused() {
    let world = World::without_provider().await;
    let rows = [
        ("jwks_uri", "https://169.254.169.254/keys", "Keys", "link-local"),
        ("jwks_uri", "https://[::ffff:169.254.169.254]/keys", "Keys", "link-local"),
        ("device_authorization_endpoint", "https://169.254.169.254/device", "DeviceGrant", "link-local"),
        ("jwks_uri", "http://localhost/keys", "Discovery", "is not https"),
        ("authorization_endpoint", "javascript:alert(1)", "Discovery", "is not https"),
        ("device_authorization_endpoint", "http://localhost/device", "Discovery", "is not https"),
    ];
    for (member, url, check, reason) in rows {
        world.idp.behave(|idp| idp.also = Some(json!({ member: url })));
        let answer = world.admin("POST", "/rehearse", Some(world.idp.settings("g1"))).await;
        let refused = detail(&answer, check);
        assert!(refused.contains(reason), "{member} {url}: {refused}");
        fit_to_be_shown(&refused, url);
        world.idp.behave(|idp| idp.also = None);
        let mut settings = world.idp.settings("g1");
        settings["adopt"] = json!(false);
        let well = world.admin("POST", "/rehearse", Some(settings)).await;
        assert_eq!(well.json["passed"], true, "{member}, hostility off: {well:?}");
    }
}

//! The discovery document and the keys, sent in every wrong way: as a candidate it is refused by the check's name and the
//! reason, in service the last good one goes on, and no more is read than the limit.

use std::time::Duration;

use axum::http::StatusCode;

use super::{BUFFERS, detail, fit_to_be_shown, told};
use crate::testing::{Wire, World, head, json, typed};

struct Row {
    name: &'static str,
    does: fn() -> Wire,
    told: &'static str,
}

const JSON: &str = "content-type: application/json\r\n";
const LARGE: &str = "larger than 262144 bytes";

fn filler() -> Vec<u8> {
    vec![b' '; 64 * 1024]
}

fn redirect(to: &str) -> Wire {
    Wire::Once(head("302 Found", &format!("location: {to}\r\ncontent-length: 0\r\n")))
}

const ROWS: [Row; 19] = [
    Row {
        name: "a body that says it is a terabyte",
        does: || Wire::Endless(head("200 OK", &format!("{JSON}content-length: 1099511627776\r\n")), filler()),
        told: LARGE,
    },
    Row {
        name: "chunks without end",
        does: || {
            let chunk = [b"10000\r\n".as_slice(), &filler(), b"\r\n"].concat();
            Wire::Endless(head("200 OK", &format!("{JSON}transfer-encoding: chunked\r\n")), chunk)
        },
        told: LARGE,
    },
    Row {
        name: "a body without a length or an end",
        does: || Wire::Endless(head("200 OK", JSON), filler()),
        told: LARGE,
    },
    Row { name: "one byte more than is read", does: || json(&" ".repeat(256 * 1024 + 1)), told: LARGE },
    Row {
        name: "headers without end",
        does: || {
            Wire::Endless(
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                [b"x-filler: ", &[b'x'; 4000][..], b"\r\n"].concat(),
            )
        },
        told: "message head is too large",
    },
    Row {
        name: "a compressed body, which may be a bomb",
        does: || Wire::Endless(head("200 OK", &format!("{JSON}content-encoding: gzip\r\n")), filler()),
        told: "is compressed (\"gzip\"), which was not asked for",
    },
    Row {
        name: "a redirect to another host",
        does: || redirect("https://elsewhere.example/"),
        told: "redirects are not followed",
    },
    Row {
        name: "a redirect to a cloud's metadata service",
        does: || redirect("https://169.254.169.254/latest/meta-data/"),
        told: "redirects are not followed",
    },
    Row { name: "a page", does: || typed("text/html; charset=utf-8", "<html>"), told: "is \"text/html" },
    Row {
        name: "a content type that a terminal would obey",
        does: || typed("text/\u{9b}31m", "{}"),
        told: "instead of application/json",
    },
    Row { name: "JSON that breaks off", does: || json("{\"issuer\": "), told: "it breaks off" },
    Row { name: "bytes that are not JSON", does: || json("\u{1}\u{2}"), told: "it is not JSON" },
    Row {
        name: "values of another kind",
        does: || json(r#"{"issuer": 7, "jwks_uri": [], "keys": "eyJ0"}"#),
        told: "a value is not of the kind that belongs there",
    },
    Row { name: "nesting without end", does: || json(&"[".repeat(100_000)), told: "can't be read: " },
    Row {
        name: "a name that stands twice",
        does: || json(r#"{"issuer": "https://a.example", "keys": [], "issuer": "https://b.example"}"#),
        told: "names \"issuer\" twice",
    },
    Row { name: "nothing", does: || Wire::Once(Vec::new()), told: "connection closed" },
    Row {
        name: "a head that breaks off",
        does: || Wire::Once(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        told: "connection closed",
    },
    Row {
        name: "a body that breaks off",
        does: || {
            Wire::Once([head("200 OK", &format!("{JSON}content-length: 1000\r\n")), b"{}".to_vec()].concat())
        },
        told: "broke off",
    },
    Row {
        name: "a page of something that stands before it",
        does: || Wire::Once(head("502 Bad Gateway", "content-type: text/html\r\ncontent-length: 0\r\n")),
        told: "answered 502",
    },
];

async fn each_way_is_refused(path: &'static str, check: &str, look: &str) {
    let world = World::new().await;
    let session = world.phone_of("keeper").await;
    for (at, Row { name, does, told: reason }) in ROWS.iter().enumerate() {
        let (bytes, cut) = (world.idp.served().bytes(), world.idp.served().cut());
        let wire = does();
        let endless = matches!(wire, Wire::Endless(..));
        world.idp.behave(|idp| idp.wire = Some((path, wire)));
        let candidate = world.admin("POST", "/rehearse", Some(world.idp.settings("candidate"))).await;
        assert_eq!(candidate.json["adopted"], false, "{name}: {candidate:?}");
        let refused = detail(&candidate, check);
        assert!(refused.contains(reason), "{name}: {refused}");
        fit_to_be_shown(&refused, name);
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        let seen = told(&world, look).await;
        assert!(seen.contains(reason), "{name}: {seen}");
        fit_to_be_shown(&seen, name);
        // The last good one is kept.
        world.phone_of(&format!("person-{at}")).await;
        let served = world.idp.served().bytes() - bytes;
        assert!(served < 2 * BUFFERS, "{name}: {served} bytes were taken");
        if endless {
            assert_eq!(world.idp.served().cut() - cut, 2, "{name}: both were cut off");
        }
        world.idp.behave(|idp| idp.wire = None);
        let well = world.admin("POST", "/rehearse", Some(world.idp.settings("g1"))).await;
        assert_eq!(well.json["adopted"], true, "{name}, hostility off: {well:?}");
    }
    world.pass(Duration::from_mins(15));
    assert_eq!(world.renew(&session, "/v1/session").await.status, StatusCode::OK, "sessions live on");
}

#[tokio::test]
async fn a_discovery_document_is_read_only_in_the_right_form_and_size() {
    each_way_is_refused("openid-configuration", "Discovery", "discovery").await;
}

#[tokio::test]
async fn keys_are_read_only_in_the_right_form_and_size() {
    each_way_is_refused("keys", "Keys", "keys").await;
}

#[tokio::test]
async fn a_document_that_turns_bad_later_leaves_the_last_good_one_in_service() {
    use serde_json::json;
    let world = World::new().await;
    let rows = [
        (
            "another issuer",
            json!({"issuer": "https://elsewhere.example"}),
            "is of issuer \"https://elsewhere.example\"",
        ),
        (
            "an issuer without end",
            json!({"issuer": format!("https://{}", "x".repeat(200_000))}),
            "is of issuer",
        ),
        (
            "a sign-in page of another scheme",
            json!({"authorization_endpoint": "file:///etc/passwd"}),
            "is not https",
        ),
        ("tokens over plain HTTP", json!({"token_endpoint": "http://localhost/token"}), "is not https"),
        ("no token endpoint", json!({"token_endpoint": null}), "token_endpoint"),
    ];
    for (at, (name, members, reason)) in rows.into_iter().enumerate() {
        world.idp.behave(|idp| idp.also = Some(members));
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        let seen = told(&world, "discovery").await;
        assert!(seen.contains(reason), "{name}: {seen}");
        fit_to_be_shown(&seen, name);
        let begun = world.begin_code(&crate::testing::Phone::new()).await;
        assert!(begun.text_of("authorize_url").starts_with(world.idp.issuer()), "{name}: {begun:?}");
        world.phone_of(&format!("person-{at}")).await;
        world.idp.behave(|idp| idp.also = None);
        world.sso.round().await;
        assert_eq!(told(&world, "discovery").await, "", "{name}, hostility off");
    }
}

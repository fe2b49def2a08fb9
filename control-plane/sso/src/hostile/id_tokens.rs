//! ID tokens that must not be believed, in the code flow and in the device grant.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{fit_to_be_shown, told};
use crate::testing::{Phone, Signing, World};

struct Row {
    name: &'static str,
    does: fn(&World),
    told: &'static str,
}

fn claim(world: &World, name: &'static str, value: impl Into<Value>) {
    world.idp.claim(name, value.into());
}

fn now(world: &World) -> i64 {
    use wickr_base::Clock as _;
    world.clock.now().seconds()
}

fn signed(world: &World, signing: Signing) {
    world.idp.behave(|idp| idp.signing = signing);
}

const CLOCKS: &str = "may be at most 60 s apart: have the administrator set both (NTP)";
const UNKNOWN: &str = "signed by a key that the identity provider doesn't publish";
const HERE: &[Row] = &[
    Row {
        name: "another issuer",
        does: |w| claim(w, "iss", "https://elsewhere.example"),
        told: "Invalid issuer",
    },
    Row {
        name: "the issuer with a slash",
        does: |w| claim(w, "iss", format!("{}/", w.idp.issuer())),
        told: "Invalid issuer",
    },
    Row {
        name: "an issuer that a terminal obeys",
        does: |w| claim(w, "iss", "https://\u{1b}[2Jx"),
        told: "belongs there",
    },
    Row {
        name: "an issuer without end",
        does: |w| claim(w, "iss", format!("https://{}", "x".repeat(90_000))),
        told: "Invalid issuer",
    },
    Row { name: "no issuer", does: |w| claim(w, "iss", Value::Null), told: "kind that belongs there" },
    Row { name: "another audience", does: |w| claim(w, "aud", "other-client"), told: "Invalid audiences" },
    Row {
        name: "a second audience",
        does: |w| claim(w, "aud", json!(["wickr", "other-client"])),
        told: "not a trusted audience",
    },
    Row { name: "no audience", does: |w| claim(w, "aud", json!([])), told: "Invalid audiences" },
    Row {
        name: "made for another client",
        does: |w| claim(w, "azp", "other-client"),
        told: "another client (azp)",
    },
    Row {
        name: "another access token's",
        does: |w| w.idp.behave(|idp| idp.wrong_at_hash = true),
        told: "another access token (at_hash)",
    },
    Row { name: "alg none", does: |w| signed(w, Signing::None), told: "No signature found" },
    Row {
        name: "alg none under another name",
        does: |w| w.idp.header("alg", json!("nOnE")),
        told: "kind that belongs there",
    },
    Row { name: "HS256 with the client secret", does: |w| signed(w, Signing::ClientSecret), told: "HS256" },
    Row { name: "HS256 with the public key", does: |w| signed(w, Signing::PublicKey), told: "HS256" },
    Row {
        name: "a stranger's key under a known name",
        does: |w| signed(w, Signing::Foreign),
        told: "Crypto error",
    },
    Row { name: "RS256 with an EC key", does: |w| w.idp.header("alg", json!("RS256")), told: UNKNOWN },
    Row {
        name: "the RSA key's signature under the EC key's name",
        does: |w| {
            signed(w, Signing::Rsa);
            w.idp.header("kid", json!("ec-1"));
        },
        told: UNKNOWN,
    },
    Row {
        name: "RS256 said to be PS256",
        does: |w| {
            signed(w, Signing::Rsa);
            w.idp.header("alg", json!("PS256"));
        },
        told: "Crypto error",
    },
    Row {
        name: "its own key in its header (jwk)",
        does: |w| {
            signed(w, Signing::Foreign);
            w.idp.header("jwk", w.idp.foreign_jwk("ec-1"));
        },
        told: "Crypto error",
    },
    Row {
        name: "a place to fetch its key from (jku)",
        does: |w| {
            let url = format!("{}/evil", w.idp.issuer());
            w.idp.behave(|idp| {
                idp.signing = Signing::Foreign;
                idp.header = Some(std::sync::Arc::new(move |header| {
                    (header["jku"], header["x5u"], header["kid"]) = (json!(url), json!(url), json!("evil"));
                }));
            });
        },
        told: UNKNOWN,
    },
    Row {
        name: "a header that must be understood",
        does: |w| w.idp.header("crit", json!(["x"])),
        told: "critical",
    },
    Row { name: "an access token", does: |w| w.idp.header("typ", json!("at+jwt")), told: "JWT type" },
    Row { name: "a logout token", does: |w| w.idp.header("typ", json!("logout+jwt")), told: "JWT type" },
    Row { name: "expired", does: |w| claim(w, "exp", now(w) - 3_600), told: "expired 36" },
    Row { name: "expired, and its clock is named", does: |w| claim(w, "exp", now(w) - 3_600), told: CLOCKS },
    Row {
        name: "made in ten minutes",
        does: |w| claim(w, "iat", now(w) + 600),
        told: "in the future by our clock",
    },
    Row {
        name: "made in ten minutes, and its clock is named",
        does: |w| claim(w, "iat", now(w) + 600),
        told: CLOCKS,
    },
    Row { name: "not yet valid", does: |w| claim(w, "nbf", now(w) + 600), told: "(nbf)" },
    Row { name: "valid at a time that is none", does: |w| claim(w, "nbf", "soon"), told: "nbf is no time" },
    Row { name: "made at no time", does: |w| claim(w, "iat", Value::Null), told: "kind that belongs there" },
    Row { name: "made at the end of time", does: |w| claim(w, "iat", i64::MAX), told: "doesn't hold" },
    Row { name: "valid from the end of time on", does: |w| claim(w, "nbf", 1e300), told: "(nbf)" },
    Row { name: "expired before all time", does: |w| claim(w, "exp", -1e300), told: "doesn't hold" },
    Row { name: "no end", does: |w| claim(w, "exp", Value::Null), told: "kind that belongs there" },
    Row { name: "nobody", does: |w| claim(w, "sub", ""), told: "no usable subject" },
    Row {
        name: "a subject without end",
        does: |w| claim(w, "sub", "x".repeat(256)),
        told: "no usable subject",
    },
    Row { name: "a number as subject", does: |w| claim(w, "sub", 7), told: "kind that belongs there" },
    Row {
        name: "two subjects",
        does: |w| w.idp.behave(|idp| idp.raw_claims = Some(r#""sub":"mallory","#)),
        told: "belongs there",
    },
    Row {
        name: "two usernames",
        does: |w| w.idp.behave(|idp| idp.raw_claims = Some(r#""preferred_username":"admin","#)),
        told: "belongs there",
    },
    Row {
        name: "two of something else",
        does: |w| w.idp.behave(|idp| idp.raw_claims = Some(r#""groups":[{"a":1,"a":2}],"#)),
        told: "names \"a\" twice",
    },
];

const WITH_NONCE: &[Row] = &[
    Row { name: "another nonce", does: |w| claim(w, "nonce", "another"), told: "nonce mismatch" },
    Row { name: "no nonce", does: |w| claim(w, "nonce", Value::Null), told: "missing nonce" },
    Row { name: "a number as nonce", does: |w| claim(w, "nonce", 7), told: "kind that belongs there" },
];

/// The answer to the poll that ends a code flow of that person.
async fn by_code(world: &World, person: &str) -> crate::testing::Answer {
    let phone = Phone::new();
    let begun = world.begin_code(&phone).await;
    let query = world.idp.browse(&begun.text_of("authorize_url"), person);
    let page = world.get(&format!("{}?{query}", crate::public::CALLBACK)).await;
    assert!(matches!(page.status, StatusCode::OK | StatusCode::BAD_REQUEST), "{page:?}");
    let text = page.text.split_once("<h1>").unwrap().1.replace('\n', " ");
    fit_to_be_shown(&text, "the page");
    world.poll(&phone, &begun.text_of("flow")).await
}

async fn each_is_refused(rows: impl Iterator<Item = &Row>, code_flow: bool) {
    let world = World::new().await;
    let sign_in = async |person: &str| {
        if code_flow { by_code(&world, person).await } else { world.try_sign_in(&Phone::new(), person).await }
    };
    for (at, Row { name, does, told: reason }) in rows.enumerate() {
        let person = format!("person-{at}");
        let failed = || world.metric("wickr_sso_sign_ins_total{outcome=\"failed_check\"}");
        let before = failed();
        does(&world);
        let refused = sign_in(&person).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "sign-in-refused"), "{name}");
        let detail = refused.text_of("detail");
        assert!(detail.contains(reason), "{name}: {detail}");
        fit_to_be_shown(&detail, name);
        assert!((failed() - before - 1.0).abs() < 0.1, "{name} is counted");
        // An answer that can't be read at all is no ID token.
        if !detail.contains("can't be read") && !detail.contains("belongs there") {
            assert_eq!(told(&world, "id_tokens").await, detail, "{name}");
        }
        world.idp.behave(|idp| *idp = crate::testing::Behaviour::default());
        let accepted = sign_in(&person).await;
        assert_eq!(accepted.status, StatusCode::OK, "{name}, hostility off: {accepted:?}");
        assert_eq!(told(&world, "id_tokens").await, "", "{name}, hostility off");
    }
    assert_eq!(world.idp.asked("evil"), 0, "no key is fetched from where a token says");
}

#[tokio::test]
async fn what_a_token_gets_wrong_is_refused_in_the_code_flow() {
    each_is_refused(HERE.iter().chain(WITH_NONCE), true).await;
}

#[tokio::test]
async fn what_a_token_gets_wrong_is_refused_in_the_device_grant() {
    each_is_refused(HERE.iter(), false).await;
}

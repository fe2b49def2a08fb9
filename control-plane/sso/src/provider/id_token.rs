//! The one place where an ID token is believed (OpenID Connect Core section 3.1.3.7).

use std::time::Duration;

use chrono::DateTime;
use openidconnect::core::CoreJsonWebKey;
use openidconnect::{
    AccessTokenHash, ClaimsVerificationError, ClientId, IdTokenVerifier, Nonce, OAuth2TokenResponse as _,
    SignatureVerificationError, TokenResponse as _,
};
use wickr_base::UnixMillis;
use wickr_model::{Person, Subject};

use super::discovery::{ALGORITHMS, Known};
use super::tokens::{OidcIdToken, Tokens};

/// How far the provider's clock may be from ours.
pub(crate) const SKEW: Duration = Duration::from_mins(1);

/// Longest subject (OpenID Connect Core section 2: at most 255 ASCII characters).
const MOST_SUBJECT: usize = 255;

/// Why an ID token isn't believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdTokenError {
    #[error("the identity provider gave no ID token; the scope openid must be allowed for this client")]
    Missing,
    /// None of its keys fits; they may be newer than those we have.
    #[error("the ID token is signed by a key that the identity provider doesn't publish")]
    UnknownKey,
    #[error("the ID token doesn't hold: {0}")]
    Refused(String),
    #[error("the ID token belongs to another access token (at_hash)")]
    AccessTokenHash,
    #[error("the ID token was issued to another client (azp)")]
    AuthorizedParty,
    #[error("the ID token has no usable subject")]
    Subject,
    #[error(
        "the ID token has no claim \"{0}\" with a text; have the administrator add a scope or a mapper for it, \
         or name another claim"
    )]
    NoUsername(String),
}

/// What to check an ID token against.
pub(crate) struct Expected<'e> {
    pub(crate) known: &'e Known,
    pub(crate) client_id: &'e str,
    /// The nonce that was sent; the device grant has none.
    pub(crate) nonce: Option<&'e str>,
    pub(crate) username_claim: &'e str,
    pub(crate) now: UnixMillis,
}

/// Whom the tokens vouch for.
pub(crate) fn check(tokens: &Tokens, expected: &Expected<'_>) -> Result<Person, IdTokenError> {
    let token = tokens.id_token().ok_or(IdTokenError::Missing)?;
    let subject = checked_subject(token, tokens, expected)?;
    let claims = serde_json::to_value(&subject.claims).unwrap_or_default();
    let username = claims.get(expected.username_claim).and_then(serde_json::Value::as_str);
    let username = username.filter(|name| !name.is_empty());
    let username = username.ok_or_else(|| IdTokenError::NoUsername(expected.username_claim.to_owned()))?;
    Ok(Person { subject: subject.subject, username: username.to_owned() })
}

/// The subject of an ID token that came with a refresh; it need not say more (section 12.2).
pub(crate) fn check_refreshed(
    tokens: &Tokens,
    expected: &Expected<'_>,
) -> Result<Option<Subject>, IdTokenError> {
    match tokens.id_token() {
        None => Ok(None),
        Some(token) => Ok(Some(checked_subject(token, tokens, expected)?.subject)),
    }
}

struct Checked<C> {
    subject: Subject,
    claims: C,
}

fn checked_subject<'t>(
    token: &'t OidcIdToken,
    tokens: &Tokens,
    expected: &Expected<'_>,
) -> Result<Checked<impl serde::Serialize + use<'t>>, IdTokenError> {
    let verifier = verifier(expected);
    let nonce = |given: Option<&Nonce>| match expected.nonce {
        None => Ok(()),
        Some(wanted) => openidconnect::NonceVerifier::verify(&Nonce::new(wanted.to_owned()), given),
    };
    let claims = token.claims(&verifier, nonce).map_err(refused)?;
    if let Some(hash) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(|_| IdTokenError::AccessTokenHash)?;
        let key = token.signing_key(&verifier).map_err(|_| IdTokenError::AccessTokenHash)?;
        let own = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if own.ok().as_ref() != Some(hash) {
            return Err(IdTokenError::AccessTokenHash);
        }
    }
    if claims.authorized_party().is_some_and(|party| party.as_str() != expected.client_id) {
        return Err(IdTokenError::AuthorizedParty);
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > MOST_SUBJECT {
        return Err(IdTokenError::Subject);
    }
    let subject = Subject { issuer: claims.issuer().as_str().to_owned(), subject: subject.to_owned() };
    Ok(Checked { subject, claims })
}

/// Issuer, audience, signature by one of the provider's keys and an allowed algorithm, expiry, issue time. It
/// doesn't know the client secret, so no token with a shared-secret algorithm can ever hold.
fn verifier<'e>(expected: &Expected<'e>) -> IdTokenVerifier<'e, CoreJsonWebKey> {
    let now = expected.now;
    let late = move || DateTime::from_timestamp_millis(now.minus(SKEW).0).unwrap_or_default();
    IdTokenVerifier::new_public_client(
        ClientId::new(expected.client_id.to_owned()),
        expected.known.metadata.issuer().clone(),
        openidconnect::JsonWebKeySet::new(expected.known.keys.keys().clone()),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_time_fn(late)
    .set_issue_time_verifier_fn(move |issued| {
        if issued.timestamp_millis() > now.plus(SKEW).0 {
            Err("it was issued in the future".to_owned())
        } else {
            Ok(())
        }
    })
}

fn refused(error: ClaimsVerificationError) -> IdTokenError {
    match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            IdTokenError::UnknownKey
        }
        ClaimsVerificationError::SignatureVerification(why) => IdTokenError::Refused(why.to_string()),
        other => IdTokenError::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::testing::{Phone, Signing, World};

    /// Nobody is let in, and the directory stays empty.
    async fn refused(world: &World, what: &str) {
        let phone = Phone::new();
        let answer = world.try_sign_in(&phone, "alice").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::FORBIDDEN, "sign-in-refused"),
            "{what}: {answer:?}"
        );
        let mut work = world.sso.directory.read().await.unwrap();
        assert_eq!(work.users().count().await.unwrap(), 0, "{what}");
    }

    #[tokio::test]
    async fn a_token_with_one_wrong_claim_lets_nobody_in() {
        let world = World::new().await;
        let now = world.sso.clock.now().seconds();
        let wrong: [(&'static str, Value); 12] = [
            ("iss", json!("https://elsewhere.example")),
            ("iss", json!(format!("{}/", world.idp.issuer()))),
            ("aud", json!("other-client")),
            ("aud", json!(["wickr", "other-client"])),
            ("aud", json!([])),
            ("azp", json!("other-client")),
            ("exp", json!(now - 3_600)),
            ("iat", json!(now + 3_600)),
            ("sub", json!("")),
            ("preferred_username", Value::Null),
            ("preferred_username", json!(["alice"])),
            ("preferred_username", json!("alice@elsewhere.example")),
        ];
        for (name, value) in wrong {
            let what = format!("{name} = {value}");
            world.idp.claim(name, value);
            refused(&world, &what).await;
        }
        world.idp.behave(|idp| (idp.claims, idp.wrong_at_hash) = (None, true));
        refused(&world, "at_hash").await;
    }

    #[tokio::test]
    async fn a_token_without_signature_or_with_a_secrets_or_strangers_signature_lets_nobody_in() {
        let world = World::new().await;
        for signing in [Signing::None, Signing::ClientSecret, Signing::PublicKey, Signing::Foreign] {
            world.idp.behave(|idp| idp.signing = signing);
            refused(&world, &format!("{signing:?}")).await;
        }
        assert!(world.metric("wickr_sso_sign_ins_total{outcome=\"failed_check\"}") >= 4.0);
    }

    #[tokio::test]
    async fn ecdsa_rsa_and_pss_signatures_of_published_keys_hold() {
        let world = World::new().await;
        for (signing, who) in [(Signing::Own, "alice"), (Signing::Rsa, "bob"), (Signing::RsaPss, "carol")] {
            world.idp.behave(|idp| idp.signing = signing);
            world.phone_of(who).await;
        }
    }

    #[tokio::test]
    async fn a_key_that_is_newer_than_the_last_look_is_fetched_at_once() {
        let world = World::new().await;
        world.idp.behave(|idp| idp.signing = Signing::Unpublished);
        refused(&world, "not published").await;
        world.idp.behave(|idp| idp.publishes_new_key = true);
        let before = world.idp.asked("keys");
        world.phone_of("alice").await;
        assert_eq!(world.idp.asked("keys"), before + 1);
        world.phone_of("bob").await;
        assert_eq!(world.idp.asked("keys"), before + 1, "known from then on");
    }

    #[tokio::test]
    async fn a_difference_of_clocks_of_up_to_a_minute_is_borne() {
        let world = World::new().await;
        let now = world.sso.clock.now().seconds();
        world.idp.behave(|idp| {
            // Signing in takes five seconds of the test's time.
            idp.claims = Some(Arc::new(move |claims| {
                (claims["exp"], claims["iat"]) = (json!(now - 50), json!(now + 60));
            }));
        });
        world.phone_of("alice").await;
        world.pass(Duration::from_secs(30));
        let phone = Phone::new();
        let answer = world.try_sign_in(&phone, "bob").await;
        assert_eq!(answer.code(), "sign-in-refused", "{answer:?}");
    }
}

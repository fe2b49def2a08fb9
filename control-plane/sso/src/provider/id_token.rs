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

use super::answer::{named_once, shown};
use super::discovery::{ALGORITHMS, Known};
use super::tokens::{OidcIdToken, Tokens, made_at, part};

/// How far the provider's clock may be from ours.
pub(crate) const SKEW: Duration = Duration::from_mins(1);

/// Longest username that is looked at, in bytes; a handle has at most 64 before the `@`.
const MOST_USERNAME: usize = 512;

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
    #[error(
        "the ID token {0} by our clock; the clocks of the identity provider and of this service may be at most {secs} s \
         apart: have the administrator set both (NTP)", secs = SKEW.as_secs()
    )]
    Time(String),
    #[error("the ID token names \"{0}\" twice")]
    Twice(String),
    #[error("the ID token has no usable subject")]
    Subject,
    #[error("the ID token vouches for somebody else than the one who signed in")]
    OtherSubject,
    #[error("the ID token's claim \"{claim}\" has {bytes} bytes, too many for a username")]
    LongUsername { claim: String, bytes: usize },
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
    if username.len() > MOST_USERNAME {
        let claim = expected.username_claim.to_owned();
        return Err(IdTokenError::LongUsername { claim, bytes: username.len() });
    }
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
    for at in 0..2 {
        let json = part(token, at).unwrap_or_default();
        named_once(&json).map_err(|name| IdTokenError::Twice(shown(&name)))?;
    }
    let verifier = verifier(expected);
    let nonce = |given: Option<&Nonce>| match expected.nonce {
        None => Ok(()),
        Some(wanted) => openidconnect::NonceVerifier::verify(&Nonce::new(wanted.to_owned()), given),
    };
    let now = expected.now;
    let claims = token.claims(&verifier, nonce).map_err(|error| match error {
        ClaimsVerificationError::Expired(_) => expired(token, made_at(tokens), now),
        other => refused(other),
    })?;
    let made = UnixMillis(claims.issue_time().timestamp_millis());
    if made > now.plus(SKEW) {
        return Err(IdTokenError::Time(format!("was made {}", ahead(made, now))));
    }
    let other = claims.additional_claims().get("nbf").filter(|value| !value.is_null());
    if let Some(begins) = other {
        let begins = begins.as_f64().ok_or_else(|| IdTokenError::Refused("its nbf is no time".to_owned()))?;
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are enough, and it saturates")]
        let begins = UnixMillis::from_seconds(begins.ceil() as i64);
        if begins > now.plus(SKEW) {
            return Err(IdTokenError::Time(format!("begins to hold {} (nbf)", ahead(begins, now))));
        }
    }
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
}

/// How long after `now`.
fn ahead(at: UnixMillis, now: UnixMillis) -> String {
    format!("{} s in the future", at.since(now).as_millis().div_ceil(1000))
}

/// An ID token is made when it is asked for: one that has expired by then tells of a clock.
fn expired(token: &OidcIdToken, made_at: Option<UnixMillis>, now: UnixMillis) -> IdTokenError {
    let claims: Option<serde_json::Value> =
        part(token, 1).and_then(|json| serde_json::from_slice(&json).ok());
    let expires = claims.and_then(|claims| claims.get("exp")?.as_i64()).map(UnixMillis::from_seconds);
    let ago = |at: Option<UnixMillis>| at.map_or(0, |at| now.since(at).as_secs());
    IdTokenError::Time(format!("expired {} s ago and was made {} s ago", ago(expires), ago(made_at)))
}

fn refused(error: ClaimsVerificationError) -> IdTokenError {
    match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            IdTokenError::UnknownKey
        }
        ClaimsVerificationError::SignatureVerification(why) => IdTokenError::Refused(shown(&why.to_string())),
        other => IdTokenError::Refused(shown(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::http::StatusCode;
    use serde_json::json;

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

//! Asking whether a provider still vouches for a session (RFC 6749 section 6), and giving a token back when a
//! person signs out (RFC 7009).

use openidconnect::core::CoreRevocableToken;
use openidconnect::{RefreshToken, RevocationUrl};
use wickr_base::{Secret, UnixMillis};
use wickr_model::Subject;

use super::Asking;
use super::id_token::{self, IdTokenError};
use super::tokens::{TokenError, Tokens, made_at, refresh_of};

/// What an honoured session comes with.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// The refresh token that replaces the one used, if the provider gave a new one.
    pub(crate) refresh: Option<Secret<String>>,
    /// When it made the ID token, if it gave one.
    pub(crate) made_at: Option<UnixMillis>,
}

/// Asks.
pub(crate) async fn ask(
    asking: &Asking<'_>,
    refresh: &Secret<String>,
    subject: &Subject,
    now: UnixMillis,
) -> Result<Refreshed, TokenError> {
    let tokens: Tokens = asking
        .client()?
        .exchange_refresh_token(&RefreshToken::new(refresh.expose().clone()))
        .request_async(asking.door)
        .await?;
    match id_token::check_refreshed(&tokens, &asking.expected(now)) {
        // New keys come with the next look at them; the refresh itself was honoured.
        Ok(None) | Err(IdTokenError::UnknownKey) => {}
        Ok(Some(vouched)) if vouched == *subject => {}
        Ok(Some(_)) => return Err(IdTokenError::Subject.into()),
        Err(error) => return Err(error.into()),
    }
    Ok(Refreshed { refresh: refresh_of(&tokens), made_at: made_at(&tokens) })
}

/// Gives a refresh token back; a provider without that endpoint keeps it until it ends by itself.
pub(crate) async fn give_back(asking: &Asking<'_>, refresh: &Secret<String>) -> Result<(), TokenError> {
    let Some(url) = asking.known.metadata.additional_metadata().revocation_endpoint.clone() else {
        return Ok(());
    };
    let client = asking.client()?.set_revocation_url(RevocationUrl::from_url(url.url().clone()));
    let token = CoreRevocableToken::RefreshToken(RefreshToken::new(refresh.expose().clone()));
    let request = client.revoke_token(token).map_err(|error| TokenError::Unreadable(error.to_string()))?;
    request.request_async(asking.door).await?;
    Ok(())
}

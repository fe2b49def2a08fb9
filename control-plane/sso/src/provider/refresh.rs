//! Asking whether a provider still vouches for a session (RFC 6749 section 6), and giving a token back when a
//! person signs out (RFC 7009).

use openidconnect::core::CoreRevocableToken;
use openidconnect::{RefreshToken, RevocationUrl};
use wickr_base::Secret;

use super::Asking;
use super::door::Telling;
use super::tokens::{TokenError, Tokens};

/// Asks; `Asking::open_refreshed` believes the answer or not.
pub(crate) async fn ask(asking: &Asking<'_>, refresh: &Secret<String>) -> Result<Tokens, TokenError> {
    let client = asking.client()?;
    let token = RefreshToken::new(refresh.expose().clone());
    let tokens = client.exchange_refresh_token(&token).request_async(asking.door).await;
    tokens.map_err(|error| asking.told(error, &[refresh.expose()]))
}

/// Gives a refresh token back; a provider without that endpoint keeps it until it ends by itself.
pub(crate) async fn give_back(asking: &Asking<'_>, refresh: &Secret<String>) -> Result<(), TokenError> {
    let Some(url) = asking.known.metadata.additional_metadata().revocation_endpoint.clone() else {
        return Ok(());
    };
    let client = asking.client()?.set_revocation_url(RevocationUrl::from_url(url.url().clone()));
    let token = CoreRevocableToken::RefreshToken(RefreshToken::new(refresh.expose().clone()));
    let request = client.revoke_token(token).map_err(|error| TokenError::Unreadable(error.to_string()))?;
    let done = request.request_async(&Telling(asking.door)).await;
    done.map_err(|error| asking.told(error, &[refresh.expose()]))
}

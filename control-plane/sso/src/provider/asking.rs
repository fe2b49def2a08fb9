//! Everything that one question to a provider needs, borrowed from what is in service or being rehearsed.

use wickr_base::{Secret, UnixMillis};
use wickr_model::Subject;

use super::discovery::Known;
use super::door::Door;
use super::id_token::{self, Expected, IdTokenError};
use super::tokens::{OidcClient, TokenError, Tokens, Vouched, client, refresh_of};

/// A provider as it can be asked now.
pub(crate) struct Asking<'a> {
    pub(crate) door: &'a Door,
    pub(crate) known: &'a Known,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a Secret<String>,
    pub(crate) scopes: &'a [String],
    pub(crate) username_claim: &'a str,
}

impl Asking<'_> {
    pub(super) fn client(&self) -> Result<OidcClient, TokenError> {
        client(&self.known.metadata, self.client_id, self.client_secret)
    }

    /// Scopes to ask for besides `openid`, which openidconnect adds.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid")
    }

    /// Believes tokens or not; `nonce` is the one that was sent, if the flow has one.
    pub(crate) fn open(
        &self,
        tokens: &Tokens,
        nonce: Option<&str>,
        now: UnixMillis,
    ) -> Result<Vouched, TokenError> {
        let person = id_token::check(tokens, &Expected { nonce, ..self.expected(now) })?;
        Ok(Vouched { person, refresh: refresh_of(tokens).map_err(TokenError::final_answer)? })
    }

    /// Whether tokens that came with a refresh still vouch for `subject`. An ID token among them must hold and be
    /// that person's; there need not be one (OpenID Connect Core section 12.2).
    pub(crate) fn open_refreshed(
        &self,
        tokens: &Tokens,
        subject: &Subject,
        now: UnixMillis,
    ) -> Result<(), IdTokenError> {
        match id_token::check_refreshed(tokens, &self.expected(now))? {
            Some(vouched) if vouched != *subject => Err(IdTokenError::OtherSubject),
            _ => Ok(()),
        }
    }

    /// An error without what was `sent` in secret, as logs and people may see it.
    pub(super) fn told(&self, error: impl Into<TokenError>, sent: &[&str]) -> TokenError {
        error.into().without(sent).without(&[self.client_secret.expose()])
    }

    /// What ID tokens are checked against, without a nonce.
    fn expected(&self, now: UnixMillis) -> Expected<'_> {
        Expected {
            known: self.known,
            client_id: self.client_id,
            nonce: None,
            username_claim: self.username_claim,
            now,
        }
    }
}

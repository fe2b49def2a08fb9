//! The authorization code flow with PKCE, state and nonce (OpenID Connect Core section 3.1, RFC 7636).

use std::borrow::Cow;

use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use url::Url;
use wickr_base::Secret;

use super::Asking;
use super::tokens::{TokenError, Tokens};

/// What binds one sign-in to the browser's return.
pub(crate) struct Bound<'b> {
    pub(crate) state: &'b str,
    pub(crate) nonce: &'b str,
    /// 43 to 128 unreserved characters.
    pub(crate) verifier: &'b Secret<String>,
}

/// Where the person's browser goes.
pub(crate) fn authorize_url(
    asking: &Asking<'_>,
    redirect: &Url,
    bound: &Bound<'_>,
) -> Result<Url, TokenError> {
    let client = asking.client()?.set_auth_uri(asking.known.metadata.authorization_endpoint().clone());
    let (state, nonce) = (bound.state.to_owned(), bound.nonce.to_owned());
    let verifier = PkceCodeVerifier::new(bound.verifier.expose().clone());
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        )
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())));
    for scope in asking.scopes() {
        request = request.add_scope(Scope::new(scope.to_owned()));
    }
    Ok(request.url().0)
}

/// Changes the code that the browser brought for tokens; `Asking::open` believes them or not.
pub(crate) async fn exchange(
    asking: &Asking<'_>,
    redirect: &Url,
    code: String,
    verifier: &Secret<String>,
) -> Result<Tokens, TokenError> {
    let client = asking.client()?;
    let tokens = client
        .exchange_code(AuthorizationCode::new(code.clone()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().clone()))
        .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())))
        .request_async(asking.door)
        .await;
    tokens.map_err(|error| asking.told(error, &[&code, verifier.expose()]).final_answer())
}

//! `GET /v1/sign-in/callback`: the browser comes back from the provider. It shows a page; the app learns the
//! outcome by `poll`, which alone gives out a certificate, and only to the holder of the key.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use wickr_model::{Flow, RefusedBy, Stage, Way};
use wickr_service::Peer;
use wickr_store::directory::DirectoryError;

use super::page;
use super::sign_in_code::hash;
use crate::limits::Limited;
use crate::metrics::{Operation, Outcome};
use crate::provider::{TokenError, Vouched, exchange};
use crate::provider_use::{ProviderError, Ready};
use crate::refused::causes;
use crate::seal::{Place, SealError};
use crate::state::Sso;

/// Our redirect URI at the public address; it must be registered at the provider.
pub(crate) const PATH: &str = "/v1/sign-in/callback";

/// What the provider put into the address (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Deserialize)]
pub(super) struct Back {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum BackError {
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("This sign-in is not known, was used before, or took too long. Begin again in the app.")]
    Unknown,
    #[error("The identity provider did not let you in ({0}). Begin again in the app.")]
    Refused(String),
    #[error("The answer came from another identity provider. Begin again in the app.")]
    Issuer,
    #[error("The network signs in with another identity provider now. Begin again in the app.")]
    Changed,
    #[error("The identity provider can't be reached from here. Try again in a moment.")]
    Provider(#[source] ProviderError),
    #[error(
        "What the identity provider sent does not hold. Tell your administrator, and begin again in the app."
    )]
    Check(#[source] TokenError),
    #[error("Something went wrong inside the service.")]
    Store(#[from] DirectoryError),
    #[error("Something went wrong inside the service.")]
    Seal(#[from] SealError),
}

impl BackError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown | Self::Refused(_) | Self::Issuer | Self::Changed | Self::Check(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Provider(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Seal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

pub(super) async fn come_back(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    Query(back): Query<Back>,
) -> Response {
    match sso.come_back(back, &peer).await {
        Ok(()) => page::done(),
        Err(error) => {
            match &error {
                // Only the code: a provider's description may name the person.
                BackError::Provider(ProviderError::Token(why)) => {
                    let code = why.code().unwrap_or("unreachable");
                    tracing::warn!(code, "the identity provider did not change a code for tokens");
                }
                _ if error.status().is_server_error() => {
                    tracing::error!(cause = causes(&error), "a browser's return failed");
                }
                _ => {}
            }
            page::failed(error.status(), &error.to_string())
        }
    }
}

impl Sso {
    async fn come_back(&self, back: Back, peer: &Peer) -> Result<(), BackError> {
        self.limits.anonymous.take(peer.address.ip(), self.clock.elapsed())?;
        let state_hash = hash(back.state.as_deref().unwrap_or_default().as_bytes());
        // A code is used once: two returns with the same state wait for each other.
        let _turn = self.turns.turn(state_hash).await;
        let flow = self.directory.read().await?.flows().lookup_state(&state_hash).await?;
        let waiting = |flow: &Flow| flow.stage == Stage::Waiting && self.clock.now() < flow.expires_at;
        let flow = flow.filter(waiting).ok_or(BackError::Unknown)?;
        match &back.iss {
            Some(issuer) if *issuer != flow.provider.issuer => return Err(BackError::Issuer),
            // Whoever always names itself did not send this (RFC 9207 section 2.4). Not in service any more: told below.
            None if self.ready_for(&flow.provider).is_ok_and(|ready| ready.known.names_itself()) => {
                return Err(BackError::Issuer);
            }
            _ => {}
        }
        let Some(code) = back.code.filter(|_| back.error.is_none()) else {
            let why = back.error.unwrap_or_else(|| "it sent no code".to_owned());
            let why: String = why.chars().filter(char::is_ascii_graphic).take(60).collect();
            self.metrics.sign_in(Outcome::RefusedByProvider);
            self.settle(flow, RefusedBy::Provider, format!("the identity provider refused: {why}")).await?;
            return Err(BackError::Refused(why));
        };
        let ready = self.ready_for(&flow.provider).map_err(|error| match error {
            ProviderError::Changed => BackError::Changed,
            other => BackError::Provider(other),
        })?;
        match self.vouched(&ready, &flow, code).await? {
            Ok(Vouched { person, refresh }) => {
                let place = Place::FlowRefresh(flow.id);
                let seal = |refresh: &wickr_base::Secret<String>| {
                    self.sealer.seal(refresh.expose(), place, &*self.rng)
                };
                let refresh = refresh.as_ref().map(seal).transpose()?;
                self.save_flow(&flow.at(Stage::SignedIn { person, refresh })).await?;
                Ok(())
            }
            Err(error) if error.decides() => {
                let by = self.count_refusal(&error);
                self.settle(flow, by, causes(&error)).await?;
                Err(BackError::Check(error))
            }
            Err(error) => Err(BackError::Provider(error.into())),
        }
    }

    async fn vouched(
        &self,
        ready: &Ready,
        flow: &Flow,
        code: String,
    ) -> Result<Result<Vouched, TokenError>, SealError> {
        let Way::Code { nonce, verifier, .. } = &flow.way else {
            return Ok(Err(TokenError::NoEndpoint("code flow for this sign-in")));
        };
        let verifier = self.sealer.open(verifier, Place::Verifier(flow.id))?;
        let asking = ready.provider.asking(&ready.known);
        let question = exchange(&asking, &self.callback, code, &verifier);
        Ok(match self.ask(ready, Operation::ExchangeCode, question).await {
            Ok(tokens) => self.believe(ready, &tokens, Some(nonce)).await,
            Err(error) => Err(error),
        })
    }

    /// Counts a refusal that decides, and says whose it is.
    pub(super) fn count_refusal(&self, error: &TokenError) -> RefusedBy {
        let (by, outcome) = match error {
            TokenError::IdToken(_) => (RefusedBy::Check, Outcome::FailedCheck),
            _ => (RefusedBy::Provider, Outcome::RefusedByProvider),
        };
        self.metrics.sign_in(outcome);
        by
    }

    /// Ends a sign-in without success; the device's next poll says why.
    pub(super) async fn settle(
        &self,
        flow: Flow,
        by: RefusedBy,
        detail: String,
    ) -> Result<(), DirectoryError> {
        self.save_flow(&flow.at(Stage::Refused { by, detail })).await
    }

    pub(super) async fn save_flow(&self, flow: &Flow) -> Result<(), DirectoryError> {
        let mut work = self.directory.begin().await?;
        work.flows().save(flow).await?;
        work.commit().await
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::{Answer, Phone, World};

    async fn come_back(world: &World, query: &str) -> Answer {
        world.get(&format!("{}?{query}", super::PATH)).await
    }

    #[tokio::test]
    async fn a_browser_comes_back_once_and_the_app_gets_its_certificate() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin_code(&phone).await;
        let flow = begun.text_of("flow");
        assert_eq!(world.poll(&phone, &flow).await.code(), "sign-in-pending");
        let query = world.idp.browse(&begun.text_of("authorize_url"), "alice");
        let page = come_back(&world, &query).await;
        assert_eq!(
            (page.status, &page.headers["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
        assert!(page.text.contains("You have signed in"));
        assert_eq!(come_back(&world, &query).await.status, StatusCode::BAD_REQUEST, "only once");
        let answer = world.poll(&phone, &flow).await;
        assert_eq!(answer.text_of("handle"), "alice@hq.example", "{answer:?}");
    }

    #[tokio::test]
    async fn a_return_that_nobody_waits_for_changes_nothing() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin_code(&phone).await;
        for query in
            ["", "code=x", "state=&code=x", "state=unknown&code=x", "state=unknown&error=access_denied"]
        {
            assert_eq!(come_back(&world, query).await.status, StatusCode::BAD_REQUEST, "{query}");
        }
        assert_eq!(world.idp.asked("token"), 0);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.code(), "sign-in-pending");
    }

    #[tokio::test]
    async fn a_code_put_into_another_sign_in_is_worth_nothing() {
        let world = World::new().await;
        let (phone, thief) = (Phone::new(), Phone::new());
        let (own, other) = (world.begin_code(&phone).await, world.begin_code(&thief).await);
        let of_alice = world.idp.browse(&own.text_of("authorize_url"), "alice");
        let of_thief = world.idp.browse(&other.text_of("authorize_url"), "mallory");
        let code = of_alice.split('&').find(|part| part.starts_with("code=")).unwrap();
        let state = of_thief.split('&').find(|part| part.starts_with("state=")).unwrap();
        assert_eq!(come_back(&world, &format!("{state}&{code}")).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(world.poll(&thief, &other.text_of("flow")).await.code(), "sign-in-refused", "PKCE");
    }

    #[tokio::test]
    async fn a_refusal_at_the_provider_and_a_foreign_issuer_are_told_without_markup() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin_code(&phone).await;
        let query = world.idp.browse(&begun.text_of("authorize_url"), "alice");
        let mixed = format!("{query}&iss=https%3A%2F%2Felsewhere.example");
        assert!(come_back(&world, &mixed).await.text.contains("another identity provider"));
        let state = query.split('&').find(|part| part.starts_with("state=")).unwrap();
        let page = come_back(&world, &format!("{state}&error=%3Cscript%3Eaccess_denied")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text.contains("access_denied") && !page.text.contains("<script>"), "{}", page.text);
        let answer = world.poll(&phone, &begun.text_of("flow")).await;
        assert_eq!(answer.code(), "sign-in-refused");
    }
}

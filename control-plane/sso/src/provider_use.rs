//! Asking the provider in service: with what is known of it, measured, and what its answer says about our client
//! noted. How it is asked: `provider`.

use std::future::Future;
use std::sync::Arc;

use wickr_base::UnixMillis;
use wickr_model::{ProviderRef, Subject};
use wickr_wire::ProblemCode;

use crate::metrics::Operation;
use crate::provider::{
    Asking, IdTokenError, InService, Known, NotInService, TokenError, Tokens, Vouched, made_at,
};
use crate::refused::Refusal;
use crate::state::Sso;

/// Why the provider did not help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error(transparent)]
    NotInService(#[from] NotInService),
    #[error("the network signs in with another identity provider now; begin again")]
    Changed,
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Refusal for ProviderError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::NotInService(NotInService::None) => ProblemCode::NoProvider,
            Self::Changed => ProblemCode::SignInExpired,
            Self::Token(error) if error.decides() => ProblemCode::SignInRefused,
            Self::NotInService(NotInService::Stale(_)) | Self::Token(_) => ProblemCode::ProviderUnreachable,
        }
    }
}

/// The provider in service and what is known of it, for one request.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) provider: Arc<InService>,
    pub(crate) known: Arc<Known>,
}

impl Sso {
    /// The provider in service, if sign-ins can use it.
    pub(crate) fn ready(&self) -> Result<Ready, ProviderError> {
        let provider = self.active().ok_or(NotInService::None)?;
        let known = provider.known(self.clock.now())?;
        Ok(Ready { provider, known })
    }

    /// The same, and it is still the one that a sign-in began with.
    pub(crate) fn ready_for(&self, began_with: &ProviderRef) -> Result<Ready, ProviderError> {
        let ready = self.ready()?;
        if ready.provider.settings.provider == *began_with { Ok(ready) } else { Err(ProviderError::Changed) }
    }

    /// Waits for the provider's answer, measures it, and notes what it says about our client.
    pub(crate) async fn ask<T>(
        &self,
        ready: &Ready,
        operation: Operation,
        question: impl Future<Output = Result<T, TokenError>> + Send,
    ) -> Result<T, TokenError> {
        let began = self.clock.elapsed();
        let answer = question.await;
        self.metrics.provider(operation, self.clock.elapsed().saturating_sub(began));
        ready.provider.note(&answer, self.clock.now());
        answer
    }

    /// Believes tokens or not.
    pub(crate) async fn believe(
        &self,
        ready: &Ready,
        tokens: &Tokens,
        nonce: Option<&str>,
    ) -> Result<Vouched, TokenError> {
        self.judge(ready, tokens, |asking, now| asking.open(tokens, nonce, now)).await
    }

    /// Believes or not that tokens which came with a refresh still vouch for `subject`.
    pub(crate) async fn believe_refreshed(
        &self,
        ready: &Ready,
        tokens: &Tokens,
        subject: &Subject,
    ) -> Result<(), TokenError> {
        self.judge(ready, tokens, |asking, now| Ok(asking.open_refreshed(tokens, subject, now)?)).await
    }

    /// Judges tokens. When they are signed by a key that isn't known, the keys are fetched once more: the provider may
    /// have begun to use a new one since.
    async fn judge<T>(
        &self,
        ready: &Ready,
        tokens: &Tokens,
        open: impl Fn(&Asking<'_>, UnixMillis) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let now = self.clock.now();
        let provider = &ready.provider;
        if let Some(made_at) = made_at(tokens) {
            provider.saw_clock(made_at, now);
        }
        let mut outcome = open(&provider.asking(&ready.known), now);
        if let Err(TokenError::IdToken(IdTokenError::UnknownKey)) = outcome
            && let Some(known) = provider.newer_than(&ready.known, &*self.clock).await
        {
            outcome = open(&provider.asking(&known), now);
        }
        provider.judged(&outcome, now);
        outcome
    }
}

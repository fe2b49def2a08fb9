//! The provider in service: its settings, what it last said, and how well it answers. Looked at every 30 s by
//! `crate::background`; put here after a `rehearsal`.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{Clock, UnixMillis};
use wickr_service::Rate;

use super::Asking;
use super::discovery::{Known, discover, endpoints, fetch_keys, same_issuer};
use super::door::{Door, DoorLimits};
use super::settings::Settings;
use super::tokens::TokenError;
use super::trust::{TrustError, client_config};
use crate::limits::Buckets;

/// Cached keys serve at least this long, so that one missed look doesn't stop sign-ins.
const LEAST_FRESH: Duration = Duration::from_mins(2);

/// Looks that tokens by unknown keys may cause: somebody who signs in again and again with such a token must not have
/// us ask the provider each time.
fn key_looks() -> Buckets<()> {
    Buckets::new(Rate::new(3, 2), 1)
}

/// The outcome of the latest look at one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// When it last went well.
    pub(crate) at: Option<UnixMillis>,
    /// When it was last tried.
    pub(crate) tried_at: Option<UnixMillis>,
    /// Why the latest try failed, if it did.
    pub(crate) error: Option<String>,
}

impl Look {
    pub(crate) fn well(&mut self, now: UnixMillis) {
        *self = Self { at: Some(now), tried_at: Some(now), error: None };
    }

    pub(crate) fn ill(&mut self, now: UnixMillis, error: String) {
        self.tried_at = Some(now);
        self.error = Some(error);
    }
}

/// How well a provider answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    pub(crate) discovery: Look,
    pub(crate) keys: Look,
    /// What its token endpoint said about our client id and secret.
    pub(crate) client: Look,
    /// Whether the ID tokens that it gives hold.
    pub(crate) id_tokens: Look,
    pub(crate) skew_ms: Option<i64>,
}

/// Why the provider can't be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotInService {
    /// There is none.
    #[error("no identity provider is in service; have an IdentityProvider applied for this network")]
    None,
    /// There is one, and nothing fresh enough is known of it.
    #[error("the identity provider's discovery document and keys could not be fetched: {0}")]
    Stale(String),
}

/// One provider in service.
#[derive(Debug)]
pub(crate) struct InService {
    pub(crate) settings: Settings,
    pub(crate) since: UnixMillis,
    door: Door,
    state: Mutex<(Option<Arc<Known>>, Looks)>,
    /// One look for newer keys at a time; who waited for it uses what it found.
    newer: tokio::sync::Mutex<()>,
    key_looks: Buckets<()>,
}

impl InService {
    /// From what was kept: nothing is known of it yet.
    pub(crate) fn reopened(
        settings: Settings,
        since: UnixMillis,
        limits: DoorLimits,
    ) -> Result<Self, TrustError> {
        let door = Door::new(client_config(settings.ca_bundle_pem.as_deref())?, limits);
        Ok(Self::with(settings, since, door, None, Looks::default()))
    }

    /// From a rehearsal that it has just passed.
    pub(super) fn rehearsed(settings: Settings, door: Door, known: Known) -> Self {
        let mut looks = Looks { skew_ms: known.skew_ms, ..Looks::default() };
        for look in [&mut looks.discovery, &mut looks.keys, &mut looks.client] {
            look.well(known.at);
        }
        let since = known.at;
        Self::with(settings, since, door, Some(known), looks)
    }

    fn with(settings: Settings, since: UnixMillis, door: Door, known: Option<Known>, looks: Looks) -> Self {
        let state = Mutex::new((known.map(Arc::new), looks));
        Self { settings, since, door, state, newer: tokio::sync::Mutex::default(), key_looks: key_looks() }
    }

    /// How well it answers.
    pub(crate) fn looks(&self) -> Looks {
        self.state.lock().1.clone()
    }

    /// Fetches discovery document and keys anew; what was known stays when that fails.
    pub(crate) async fn look(&self, clock: &dyn Clock) {
        let discovered = discover(&self.door, &self.settings.provider.issuer, clock).await;
        let discovered = discovered.and_then(|found| {
            same_issuer(&found.metadata, &self.settings.provider.issuer)?;
            endpoints(&found.metadata)?;
            Ok(found)
        });
        let discovered = match discovered {
            Ok(discovered) => discovered,
            Err(error) => return self.state.lock().1.discovery.ill(clock.now(), error.to_string()),
        };
        let keys = fetch_keys(&self.door, &discovered.metadata).await;
        let now = clock.now();
        let mut state = self.state.lock();
        state.1.discovery.well(now);
        state.1.skew_ms = discovered.skew_ms.or(state.1.skew_ms);
        match keys {
            Ok(keys) => {
                state.1.keys.well(now);
                let metadata = discovered.metadata;
                let skew_ms = discovered.skew_ms;
                state.0 = Some(Arc::new(Known { metadata, keys, skew_ms, at: now }));
            }
            Err(error) => state.1.keys.ill(now, error.to_string()),
        }
    }

    /// What is known of it, if that is fresh enough to sign people in with.
    pub(crate) fn known(&self, now: UnixMillis) -> Result<Arc<Known>, NotInService> {
        let state = self.state.lock();
        let fresh = self.settings.refresh_grace.max(LEAST_FRESH);
        match &state.0 {
            Some(known) if now.since(known.at) <= fresh => Ok(Arc::clone(known)),
            _ => {
                let looks = &state.1;
                let why = looks.discovery.error.as_ref().or(looks.keys.error.as_ref());
                Err(NotInService::Stale(why.cloned().unwrap_or_else(|| "it was not asked yet".to_owned())))
            }
        }
    }

    /// What is known of it beyond `known`: what another look has brought meanwhile, else what a look brings now,
    /// if there has not been one too often.
    pub(crate) async fn newer_than(&self, known: &Arc<Known>, clock: &dyn Clock) -> Option<Arc<Known>> {
        let _one = self.newer.lock().await;
        let newer = || self.known(clock.now()).ok().filter(|found| !Arc::ptr_eq(found, known));
        if let Some(found) = newer() {
            return Some(found);
        }
        if self.key_looks.take((), clock.elapsed()).is_err() {
            tracing::warn!("tokens are signed by unknown keys; the keys were fetched a moment ago");
            return None;
        }
        self.look(clock).await;
        newer()
    }

    /// Everything that a question to it needs.
    pub(crate) fn asking<'a>(&'a self, known: &'a Known) -> Asking<'a> {
        Asking {
            door: &self.door,
            known,
            client_id: &self.settings.provider.client_id,
            client_secret: &self.settings.client_secret,
            scopes: &self.settings.scopes,
            username_claim: &self.settings.username_claim,
        }
    }

    /// Keeps how far the provider's clock is from ours, seen from an ID token that it has just made. Some
    /// providers (Keycloak for one) send no `Date`, and this is all that can be known of their clock.
    pub(crate) fn saw_clock(&self, made_at: UnixMillis, now: UnixMillis) {
        let mut state = self.state.lock();
        if state.0.as_ref().is_some_and(|known| known.skew_ms.is_none()) {
            // Whole seconds, rounded down: half of one is added.
            state.1.skew_ms = Some(made_at.0.saturating_add(500).saturating_sub(now.0));
        }
    }

    /// Keeps whether an ID token held, and logs why not.
    pub(crate) fn judged<T>(&self, outcome: &Result<T, TokenError>, now: UnixMillis) {
        let look = &mut self.state.lock().1.id_tokens;
        match outcome {
            Ok(_) => look.well(now),
            Err(error) => {
                tracing::warn!(
                    reason = error.to_string(),
                    "what the identity provider vouched with doesn't hold"
                );
                look.ill(now, error.to_string());
            }
        }
    }

    /// Keeps what an answer of the token endpoint says about our client.
    pub(crate) fn note<T>(&self, answer: &Result<T, TokenError>, now: UnixMillis) {
        let mut state = self.state.lock();
        match answer {
            Err(error) if error.is_about_us() => state.1.client.ill(now, error.to_string()),
            Err(TokenError::Unreachable(_) | TokenError::Unreadable(_) | TokenError::NoEndpoint(_)) => {}
            Ok(_) | Err(_) => state.1.client.well(now),
        }
    }
}

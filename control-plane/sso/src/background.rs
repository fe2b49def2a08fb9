//! What sso does by itself: looks at the provider, tries out its own issuing and its store, removes ended sign-ins.

use std::sync::Arc;
use std::time::Duration;

use wickr_service::Gate;
use wickr_store::directory::DirectoryError;

use crate::metrics::Operation;
use crate::refused::causes;
use crate::state::Sso;

/// Between two looks; Ready of a network needs one within the last 60 s.
const EVERY: Duration = Duration::from_secs(30);

/// How long an ended sign-in is kept, so that its device hears that it has ended.
const KEEP_ENDED: Duration = Duration::from_mins(10);

/// Runs for as long as it is let.
pub(crate) async fn run(sso: Arc<Sso>, store: Gate) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        sso.round().await;
        match &sso.store.lock().error {
            None => store.open(),
            // Still ready: what only reads goes on, and status says what doesn't.
            Some(why) => store.open_but(why),
        }
    }
}

impl Sso {
    /// One round of everything.
    pub(crate) async fn round(&self) {
        self.try_out_certificates();
        self.try_out_store().await;
        if let Err(error) = self.remove_ended_flows().await {
            tracing::error!(cause = causes(&error), "ended sign-ins were not removed");
        }
        self.look_at_provider().await;
    }

    async fn look_at_provider(&self) {
        let Some(provider) = self.active() else { return };
        let was_well = provider.looks().discovery.error.is_none();
        let began = self.clock.elapsed();
        provider.look(&*self.clock).await;
        self.metrics.provider(Operation::Look, self.clock.elapsed().saturating_sub(began));
        match (was_well, provider.looks().discovery.error) {
            (true, Some(error)) => tracing::warn!(error, "the identity provider can't be reached"),
            (false, None) => tracing::info!("the identity provider answers again"),
            _ => {}
        }
    }

    fn try_out_certificates(&self) {
        let now = self.clock.now();
        let outcome = match self.published_anchors() {
            None => Err("there is no network document to check certificates against".to_owned()),
            Some(anchors) => self.devices.try_out(&anchors, &*self.rng, now).map_err(|error| causes(&error)),
        };
        let mut look = self.certificate.lock();
        match outcome {
            Ok(()) => look.well(now),
            Err(error) => {
                tracing::error!(error, "a test certificate does not hold");
                look.ill(now, error);
            }
        }
    }

    async fn try_out_store(&self) {
        let now = self.clock.now();
        let outcome = self.directory.canary(now).await;
        let mut look = self.store.lock();
        match outcome {
            Ok(()) => look.well(now),
            Err(error) => look.ill(now, causes(&error)),
        }
    }

    async fn remove_ended_flows(&self) -> Result<u64, DirectoryError> {
        let mut work = self.directory.begin().await?;
        let removed = work.flows().remove_ended(self.clock.now().minus(KEEP_ENDED)).await?;
        work.commit().await?;
        Ok(removed)
    }
}

//! The relay as served by this program (`wickr-bench relay-server`): what `wickr-server relay` does, and by choice
//! without TLS on its public port, so that what TLS costs is the difference of two runs of one program.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_relay::{Opening, RelayConfig, Surroundings, bind, bind_plain};
use wickr_store_log::{LogStore, Settings};
use wickr_telemetry::Metrics;

/// Serves until it is killed.
pub(crate) async fn serve(config: &Path, plain: bool) -> Result<()> {
    let config = RelayConfig::read(config).context("reading the configuration")?;
    let surroundings = Surroundings {
        store: Box::new(|Opening { data, clock, rng, sink }| {
            Ok(Arc::new(LogStore::open(&Settings { data }, clock, &*rng, sink)?))
        }),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        metrics: Metrics::new("relay"),
        feed: None,
    };
    let bound =
        if plain { bind_plain(&config, surroundings).await } else { bind(&config, surroundings).await };
    bound.context("starting the relay")?.run().await;
    Ok(())
}

//! `wickr-server relay`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_relay::{RelayConfig, Surroundings, bind};

use crate::start;

/// Runs until told to stop by a signal.
pub(crate) fn run(config: &Path) -> Result<()> {
    let config = RelayConfig::read(config)?;
    start::runtime()?.block_on(async {
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            metrics: start::metrics("relay")?,
            feed: None,
        };
        let relay = bind(&config, surroundings).await.context("starting the relay")?;
        relay.shutdown().on_signals().context("listening for signals")?;
        relay.run().await;
        Ok(())
    })
}

//! `wickr-server relay`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_relay::{OpenFailed, Opening, Surroundings, Ticket, bind};
use wickr_store::queue::QueueStore;
use wickr_store_log::{LogStore, Settings};

use crate::start;
use crate::which::Which;

/// Runs until told to stop by a signal.
pub(crate) fn run(config: &Path) -> Result<()> {
    let config = match Which::read(config)? {
        Which::Relay(config) => config,
        other @ Which::Sso(_) => return Err(other.not_for("relay", config)),
    };
    start::runtime()?.block_on(async {
        let surroundings = Surroundings {
            store: Box::new(embedded),
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            metrics: start::metrics("relay")?,
            feed: None,
        };
        let relay = bind(&config, surroundings).await.context("starting the relay")?;
        relay.shutdown().on_signals().context("listening for signals")?;
        start::ended(relay.run().await)
    })
}

/// The embedded engine, which is the one there is.
fn embedded(opening: Opening) -> Result<Arc<dyn QueueStore<Ticket>>, OpenFailed> {
    let Opening { data, clock, rng, sink } = opening;
    Ok(Arc::new(LogStore::open(&Settings { data }, clock, &*rng, sink)?))
}

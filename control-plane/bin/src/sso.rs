//! `wickr-server sso`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_sso::{DoorLimits, SsoConfig, Surroundings, bind};
use wickr_store_sql::SqliteDirectory;

use crate::start;

/// Runs until told to stop by a signal.
pub(crate) fn run(config: &Path) -> Result<()> {
    let config = SsoConfig::read(config)?;
    start::runtime()?.block_on(async {
        let directory =
            SqliteDirectory::open(&config.data, &SystemRng).await.context("opening the directory")?;
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            metrics: start::metrics("sso")?,
            directory: Arc::new(directory),
            provider_limits: DoorLimits::default(),
        };
        let sso = bind(&config, surroundings).await.context("starting sign-in")?;
        sso.shutdown().on_signals().context("listening for signals")?;
        start::ended(sso.run().await)
    })
}

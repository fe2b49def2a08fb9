//! `wickr-server sso`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_sso::{DoorLimits, Surroundings, bind};
use wickr_store::directory::Directory;
use wickr_store_sql::SqliteDirectory;

use crate::start;
use crate::which::Which;

/// Runs until told to stop by a signal.
pub(crate) fn run(config: &Path) -> Result<()> {
    let config = match Which::read(config)? {
        Which::Sso(config) => config,
        other @ Which::Relay(_) => return Err(other.not_for("sso", config)),
    };
    start::runtime()?.block_on(async {
        let directory =
            Arc::new(SqliteDirectory::open(&config.data, &SystemRng).await.context("opening the directory")?);
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            metrics: start::metrics("sso")?,
            directory: Arc::clone(&directory) as Arc<dyn Directory>,
            provider_limits: DoorLimits::default(),
        };
        let sso = bind(&config, surroundings).await.context("starting sign-in")?;
        sso.shutdown().on_signals().context("listening for signals")?;
        let drained = sso.run().await;
        directory.close().await;
        start::ended(drained)
    })
}

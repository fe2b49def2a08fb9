//! `wickr-server restore`: the copy becomes a new incarnation of the store.

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_store_sql::DATABASE;

use crate::arguments::Restore;
use crate::start;
use crate::which::Which;

/// Puts the copy in place and says what to do next.
pub(crate) fn run(arguments: &Restore) -> Result<()> {
    match Which::read(&arguments.config.config)? {
        Which::Relay(config) => {
            let done = wickr_store_log::restore(&arguments.from, &config.data, &SystemRng, &SystemClock::new())
                .context("restoring the relay")?;
            let next = if done.in_place {
                "in place: start the relay"
            } else {
                "takes effect when the relay starts again"
            };
            start::say(&format!("{} records, incarnation {}; {next}", done.records, done.incarnation))
        }
        Which::Sso(config) => {
            start::runtime()?
                .block_on(wickr_store_sql::restore(&arguments.from.join(DATABASE), &config.data, &SystemRng))
                .context("restoring sign-in")?;
            start::say("in place: start sso")
        }
    }
}

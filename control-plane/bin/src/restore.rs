//! `wickr-server restore`: the copy becomes a new incarnation of the store.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use wickr_base::{SystemClock, SystemRng};
use wickr_store_sql::DATABASE;

use crate::arguments::{Place, Restore};
use crate::passing::Passing;
use crate::which::Which;
use crate::{backup, start};

/// Puts the copy in place and says what to do next.
pub(crate) fn run(arguments: &Restore) -> Result<()> {
    let which = Which::read(&arguments.config.config)?;
    match &arguments.from {
        Place::Directory(from) => read(&which, from),
        Place::Stream => {
            let passing = Passing::make(which.data())?;
            passing.take(backup::file(&which), &mut io::stdin().lock())?;
            read(&which, passing.directory())
        }
    }
}

fn read(which: &Which, from: &Path) -> Result<()> {
    match which {
        Which::Relay(config) => {
            let done = wickr_store_log::restore(from, &config.data, &SystemRng, &SystemClock::new())
                .context("restoring the relay")?;
            let next = next("the relay", done.in_place, " within 15 minutes");
            start::say(&format!("{} records, incarnation {}; {next}", done.records, done.incarnation))
        }
        Which::Sso(config) => {
            let done = start::runtime()?
                .block_on(wickr_store_sql::restore(&from.join(DATABASE), &config.data, &SystemRng))
                .context("restoring sign-in")?;
            start::say(&format!("incarnation {}; {}", done.incarnation, next("sso", done.in_place, "")))
        }
    }
}

/// What is to be done; `limit` says until when, if it has to be done soon.
fn next(service: &str, in_place: bool, limit: &str) -> String {
    if in_place {
        format!("in place: start {service}")
    } else {
        format!("takes effect when {service} starts again{limit}")
    }
}

//! `wickr-server backup`: consistent also while the service runs. What is in it, and the way back: docs/backup.md.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use wickr_store_sql::DATABASE;

use crate::arguments::{Backup, Place};
use crate::passing::Passing;
use crate::start;
use crate::which::Which;

/// Writes the copy and says where it is.
pub(crate) fn run(arguments: &Backup) -> Result<()> {
    let which = Which::read(&arguments.config.config)?;
    match &arguments.to {
        Place::Directory(to) => {
            std::fs::create_dir_all(to).with_context(|| format!("making \"{}\"", to.display()))?;
            let what = write(&which, to)?;
            start::say(&format!("{}: {what}", to.join(file(&which)).display()))
        }
        Place::Stream => {
            let passing = Passing::make(which.data())?;
            let what = write(&which, passing.directory())?;
            let bytes = passing.give(file(&which), &mut io::stdout().lock())?;
            start::note(&format!("{what}; {bytes} bytes written to standard output"))
        }
    }
}

/// The copy's file name.
pub(crate) fn file(which: &Which) -> &'static str {
    match which {
        Which::Relay(_) => wickr_store_log::BACKUP,
        Which::Sso(_) => DATABASE,
    }
}

/// Says what is in it.
fn write(which: &Which, to: &Path) -> Result<String> {
    match which {
        Which::Relay(config) => {
            let running = wickr_relay::backup_running(&config.data, to).context("backing the relay up")?;
            let done = match running {
                Some(done) => done,
                None => wickr_store_log::backup_closed(&config.data, to).context("backing the relay up")?,
            };
            Ok(format!("{} records", done.records))
        }
        Which::Sso(config) => {
            let file = to.join(DATABASE);
            start::runtime()?
                .block_on(wickr_store_sql::backup(&config.data, &file))
                .context("backing sign-in up")?;
            Ok("the directory".to_owned())
        }
    }
}

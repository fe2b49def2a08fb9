//! `wickr-server backup`: consistent also while the service runs. What is in it, and the way back: docs/backup.md.

use anyhow::{Context, Result, bail};
use wickr_store_sql::DATABASE;

use crate::arguments::Backup;
use crate::start;
use crate::which::Which;

/// Writes the copy and says where it is.
pub(crate) fn run(arguments: &Backup) -> Result<()> {
    let to = &arguments.to;
    std::fs::create_dir_all(to).with_context(|| format!("making \"{}\"", to.display()))?;
    match Which::read(&arguments.config.config)? {
        Which::Relay(config) => {
            let running = wickr_relay::backup_running(&config.data, to).context("backing the relay up")?;
            let done = match running {
                Some(done) => done,
                None => wickr_store_log::backup_closed(&config.data, to).context("backing the relay up")?,
            };
            start::say(&format!("{}: {} records, {} bytes", done.file.display(), done.records, done.bytes))
        }
        Which::Sso(config) => {
            let file = to.join(DATABASE);
            if file.exists() {
                bail!(
                    "\"{}\" is there already: name another directory, a copy is never overwritten",
                    file.display()
                );
            }
            start::runtime()?
                .block_on(wickr_store_sql::backup(&config.data, &file))
                .context("backing sign-in up")?;
            start::say(&file.display().to_string())
        }
    }
}

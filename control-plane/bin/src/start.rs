//! What every command does first, and what is said last.

use std::io::Write as _;

use anyhow::{Context, Result, anyhow, bail};
use wickr_service::Drained;
use wickr_telemetry::{LogFormat, Metrics, init};

use crate::arguments::{Format, Log};

/// One cryptography provider, and logs for what runs long.
pub(crate) fn prepare(log: &Log, serves: bool) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a second cryptography provider is installed"))?;
    if serves {
        let format = match log.log_format {
            Format::Json => LogFormat::Json,
            Format::Text => LogFormat::Text,
        };
        init(format, &log.log).with_context(|| format!("reading the log filter \"{}\"", log.log))?;
    }
    Ok(())
}

/// The registry of a service, with its build information.
pub(crate) fn metrics(service: &'static str) -> Result<Metrics> {
    let metrics = Metrics::new(service);
    let commit = option_env!("WICKR_COMMIT").unwrap_or("unknown");
    metrics.build_info(env!("CARGO_PKG_VERSION"), commit).context("declaring the build information")?;
    Ok(metrics)
}

/// The runtime that services run on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// A service that ended for want of one of its tasks has failed, so that whoever runs it starts it anew.
pub(crate) fn ended(drained: Drained) -> Result<()> {
    match drained.failed {
        Some(task) => bail!("\"{task}\" ended by itself, and the service with it: the log says why"),
        None => Ok(()),
    }
}

/// A result of a command, for a person or a script.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing the result")
}

/// The same where standard output carries something else.
pub(crate) fn note(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}").context("writing the result")
}

/// Why the program ends.
pub(crate) fn say_last(error: &anyhow::Error) {
    let _closed = writeln!(std::io::stderr(), "{error:#}");
}

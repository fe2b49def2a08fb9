//! Where log lines go and how they look (numbers: `metrics`).

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How a log line looks; both go to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Text,
}

/// Why logging did not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter can't be read.
    #[error("reading the log filter \"{filter}\" (write it like \"info,wickr_relay=debug\")")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody began before.
    #[error("starting to log")]
    Start(#[source] tracing_subscriber::util::TryInitError),
}

/// Begins logging for the whole process; `filter` is like `info,wickr_relay=debug`.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => builder.finish().try_init(),
    }
    .map_err(LogError::Start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named_in_the_error() {
        let error = init(LogFormat::Text, "wickr=loud").unwrap_err();
        assert!(error.to_string().contains("wickr=loud"), "{error}");
    }
}

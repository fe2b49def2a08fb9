//! What `wickr-server` can be told on its command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Relay and sign-in of a network: one program, one command per service.
#[derive(Debug, Parser)]
#[command(name = "wickr-server", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) log: Log,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// How log lines look
    #[arg(long, global = true, value_enum, default_value_t = Format::Json, env = "WICKR_LOG_FORMAT")]
    pub(crate) log_format: Format,
    /// What is logged, such as info or warn,wickr_relay=debug
    #[arg(long, global = true, default_value = "info", env = "WICKR_LOG", value_name = "FILTER")]
    pub(crate) log: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Json,
    Text,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Order, store and forward a network's messages
    Relay(Config),
    /// Sign people in, certify their devices, keep the directory
    Sso(Config),
    /// Write a consistent copy of a service's store, also while the service runs
    Backup(Backup),
    /// Put a copy in the place of a service's store
    Restore(Restore),
    /// Read a configuration file and say what is wrong with it
    Check(Config),
}

impl Command {
    /// Whether it runs until it is told to stop.
    pub(crate) fn serves(&self) -> bool {
        matches!(self, Self::Relay(_) | Self::Sso(_))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The service's configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Directory that the copy is written to, made if it isn't there; - writes it to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Directory that `backup` wrote; - reads the copy from standard input
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Place,
}

/// Where a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Directory(PathBuf),
    /// Standard input or output.
    Stream,
}

impl From<OsString> for Place {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::Stream } else { Self::Directory(text.into()) }
    }
}

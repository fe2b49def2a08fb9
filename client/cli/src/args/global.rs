//! Options that every command takes, and the patience that some do.

use std::path::PathBuf;

use clap::ArgAction;
use wickr_base::Lifetime;
use wickr_sdk::ResolveEntry;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Directory of the profile, or WICKR_PROFILE [default: wickr in the XDG data directory]
    #[arg(long, global = true, value_name = "DIR", env = "WICKR_PROFILE", hide_env = true)]
    pub(crate) profile: Option<PathBuf>,
    /// File with the store's key where it is not in the profile, or WICKR_KEY_FILE
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "WICKR_KEY_FILE",
        hide_env = true,
        conflicts_with = "passphrase_file"
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// File whose first line is the store's passphrase, or WICKR_PASSPHRASE_FILE; else you are asked
    #[arg(long, global = true, value_name = "FILE", env = "WICKR_PASSPHRASE_FILE", hide_env = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Connect to ADDRESS where a URL says HOST, or WICKR_RESOLVE with commas; certificates are checked as ever
    #[arg(
        long,
        global = true,
        value_name = "HOST:ADDRESS",
        env = "WICKR_RESOLVE",
        hide_env = true,
        value_delimiter = ','
    )]
    pub(crate) resolve: Vec<ResolveEntry>,
    /// Print JSON, one object a line; errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say on standard error what goes on
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Print this help
    #[arg(long, short, global = true, action = ArgAction::HelpLong)]
    pub(crate) help: Option<bool>,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Patience {
    /// How long to wait for the network, like 500ms, 30s, 5m [default: 30s]
    #[arg(long, value_name = "DURATION", default_value = "30s", hide_default_value = true)]
    pub(crate) wait: Lifetime,
}

//! Coming and going: login, logout; and completion, which needs neither.

use clap_complete::Shell;
use wickr_policy::JoinUrl;

/// Sign in to a network and make this profile one of your devices.
///
/// The address holds the fingerprint of the network's root; nothing else has to be trusted. You are shown a code and a
/// page to type it in, on any device with a browser; or, with --browser, a page to open. Signing in again with the same
/// profile is for when the session has ended: it stays the same device. A profile that was restored from a copy becomes
/// a new device, because the copy's message keys have been used; its history stays.
///
/// Everything on disk is sealed. Its key is in a file in the profile (which protects copies of the store alone), in
/// another file (--key-file, for removable media), or comes from a passphrase (--passphrase).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Sign in with a code
  wickr login 'wickr://chat.hq.example:30443/?root=sha256:...'

  # Sign in with a browser on this machine
  wickr login --browser 'wickr://chat.hq.example:30443/?root=sha256:...'

  # Seal the store with a passphrase, asked for now and whenever the profile is opened
  wickr login --passphrase 'wickr://chat.hq.example:30443/?root=sha256:...'

  # A second device beside the first one
  wickr --profile ~/.local/share/wickr-tablet login 'wickr://chat.hq.example:30443/?root=sha256:...'")]
pub(crate) struct Login {
    /// The network's address, from its status: wickr://HOST:PORT/?root=sha256:HEX
    #[arg(value_name = "ADDRESS")]
    pub(crate) join: JoinUrl,
    /// Sign in on a page to be opened in a browser instead of with a code
    #[arg(long)]
    pub(crate) browser: bool,
    /// Seal the store with a passphrase
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) passphrase: bool,
}

/// Sign out and delete everything in this profile.
///
/// The session ends, and keys and messages on this device are deleted; other devices are not touched. Room members see
/// this device until it is revoked: do that first from another device, or leave the rooms.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Sign out
  wickr logout

  # Without being asked, for scripts
  wickr logout --yes")]
pub(crate) struct Logout {
    /// Don't ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # bash, for this shell
  source <(wickr completion bash)

  # zsh, for good
  wickr completion zsh > \"${fpath[1]}/_wickr\"

  # fish
  wickr completion fish > ~/.config/fish/completions/wickr.fish")]
pub(crate) struct Completion {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_enum, hide_possible_values = true)]
    pub(crate) shell: Shell,
}

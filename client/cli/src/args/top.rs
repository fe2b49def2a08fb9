//! The command itself and the list of its subcommands.

use clap::{CommandFactory, Parser, Subcommand};

use super::{Completion, Devices, Global, Login, Logout, Patience, Read, Room, Send};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed for a reason that no other code names
  2    the command line can't be read
  3    nobody is signed in, the session has ended, or the profile is an old copy: sign in again
  4    the network can't be reached
  5    the network refused
  6    kept, but not acknowledged in time; it is done as soon as there is a connection
  7    the profile can't be used: sealed with another key, open to others, or busy
  8    no such room, person or device; or a name that fits several
  130  interrupted

Examples:
  # Sign in; the address is in the network's status (kubectl get wickrnetwork)
  wickr login 'wickr://chat.hq.example:30443/?root=sha256:...'

  # Make a room, ask somebody in, say something
  wickr room create ops
  wickr room invite ops bob@hq.example
  wickr send ops 'on my way'

  # Read along, as lines of JSON for a program
  wickr read --follow --json

Use \"wickr COMMAND --help\" for more about a command.";

/// End-to-end encrypted messaging for one organisation.
///
/// A profile is one device of one person. The first wickr command that runs owns the profile and holds the connection;
/// further ones go through it, so that "wickr read --follow" and "wickr send" run side by side.
#[derive(Debug, Parser)]
#[command(name = "wickr", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true, disable_help_flag = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(Login),
    Logout(Logout),
    /// Show who is signed in with this profile.
    #[command(after_help = "\
Examples:
  # Who am I
  wickr whoami

  # Only the handle
  wickr whoami --json | jq -r .handle")]
    Whoami,
    Devices(Devices),
    Room(Room),
    Send(Send),
    Read(Read),
    Status(Status),
    Completion(Completion),
}

/// Show connection, rooms, unsent messages and what has happened unasked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Everything at a glance
  wickr status

  # Whether anything is still to be sent
  wickr status --json | jq '.unsent | length'")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// Examples first, as they are what most people look for; then what may be said.
const TEMPLATE: &str = "{about-with-newline}{after-help}\n\n{usage-heading} {usage}\n\n{all-args}";

/// The whole grammar, for parsing, documentation and completion.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    for sub in command.get_subcommands_mut() {
        examples_first(sub);
    }
    command
}

fn examples_first(command: &mut clap::Command) {
    *command = std::mem::take(command).help_template(TEMPLATE);
    for sub in command.get_subcommands_mut() {
        examples_first(sub);
    }
}

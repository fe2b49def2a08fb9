//! Sending and reading.

use wickr_base::Lifetime;

use super::Patience;

/// Send a message to a room.
///
/// Done when the relay has acknowledged it: it then survives the loss of any process and of power. Without a connection
/// it is kept, and sent by the next wickr command that connects (exit code 6).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Say something
  wickr send ops 'on my way'

  # The output of a program as one message
  uptime | wickr send ops

  # Each line as a message of its own
  tail -f app.log | wickr send ops --lines

  # Gone after a day, everywhere
  wickr send ops --expires 24h 'the code is 4711'")]
pub(crate) struct Send {
    /// The room: its name, its id, or a beginning of either
    pub(crate) room: String,
    /// The text; standard input when it is left out or is "-"
    pub(crate) text: Option<String>,
    /// Each line of standard input is a message of its own
    #[arg(long, conflicts_with = "text")]
    pub(crate) lines: bool,
    /// The message vanishes after this, like 30m, 24h
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<Lifetime>,
    /// Keep it and return at once; it is sent as soon as there is a connection
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// Read messages.
///
/// Without options: the newest messages. With --new or --follow: those not read before on this device, each of them
/// once, however often and in how many terminals you read; a message counts as read once it is printed. With --follow
/// standard error says when the connection goes and when it is back; it ends only when no message can come any more
/// (exit code 3) or with --limit.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # The newest messages of a room
  wickr read ops --last 20

  # Only what is new
  wickr read --new

  # Read along in all rooms
  wickr read --follow

  # As lines of JSON: room, room_name, seq, time, sender, uri, mine, text, message
  wickr read --follow --json

  # Wait for the next message
  wickr read ops --follow --limit 1")]
pub(crate) struct Read {
    /// The room; all rooms when it is left out
    pub(crate) room: Option<String>,
    /// Go on with messages as they come
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only what was not read before
    #[arg(long, conflicts_with = "last")]
    pub(crate) new: bool,
    /// How many messages of the past to show [default: 100; with --follow: those not read before]
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// End after this many messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Show what is here without waiting for the network
    #[arg(long, conflicts_with = "follow")]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

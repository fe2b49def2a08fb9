//! Rooms.

use wickr_base::Handle;

use super::Patience;

/// Make rooms, ask people in, see who is there, leave.
///
/// A room is named by its name, by its id, or by a beginning of either that fits no other room.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Make a room and ask bob in
  wickr room create ops
  wickr room invite ops bob@hq.example

  # All rooms
  wickr room list")]
pub(crate) struct Room {
    #[command(subcommand)]
    pub(crate) command: RoomCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum RoomCommand {
    /// Make a room
    ///
    /// The name is a sealed message: the servers never learn it. When the connection goes while the room is being made,
    /// it is kept, and made by the next wickr command that connects (exit code 6).
    #[command(after_help = "\
Examples:
  # Make a room
  wickr room create ops

  # Keep its id for a script
  room=$(wickr room create ops --json | jq -r .room)")]
    Create {
        /// What it is called
        name: String,
        #[command(flatten)]
        patience: Patience,
    },
    /// Ask a person in, with all of their devices
    ///
    /// They read what is said from then on; what was said before stays with those who were there.
    #[command(after_help = "\
Examples:
  # Ask bob in
  wickr room invite ops bob@hq.example")]
    Invite {
        /// The room
        room: String,
        /// The person's handle, name@domain
        handle: Handle,
        #[command(flatten)]
        patience: Patience,
    },
    /// List the rooms of this device
    #[command(after_help = "\
Examples:
  # All rooms
  wickr room list

  # Their ids
  wickr room list --json | jq -r '.rooms[].room'")]
    List,
    /// List who is in a room
    #[command(after_help = "\
Examples:
  # Who is there, with devices
  wickr room members ops")]
    Members {
        /// The room
        room: String,
        #[command(flatten)]
        patience: Patience,
    },
    /// Leave a room with all of your devices
    ///
    /// Another member's device commits it, usually within seconds. What was said before stays readable here.
    #[command(after_help = "\
Examples:
  # Leave
  wickr room leave ops")]
    Leave {
        /// The room
        room: String,
        #[command(flatten)]
        patience: Patience,
    },
}

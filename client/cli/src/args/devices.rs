//! Your devices.

use wickr_base::DeviceId;

/// List your devices, or revoke one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Your devices; the one of this profile is marked
  wickr devices

  # A device is lost: cut it off now
  wickr devices revoke 1c9d0d1e-6c0b-4f8e-9d55-2f2f7a3c8a10")]
pub(crate) struct Devices {
    #[command(subcommand)]
    pub(crate) command: Option<DevicesCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum DevicesCommand {
    /// List your devices
    #[command(after_help = "\
Examples:
  # Your devices
  wickr devices list")]
    List,
    /// Cut a device off for good and have it removed from all rooms
    ///
    /// Its connections close at once. It is removed from each room by the next commit there; until then nobody can send
    /// in that room, so nothing new is sealed to it.
    #[command(after_help = "\
Examples:
  # A device is lost
  wickr devices revoke 1c9d0d1e-6c0b-4f8e-9d55-2f2f7a3c8a10")]
    Revoke {
        /// The device, as "wickr devices" shows it
        device: DeviceId,
    },
}

//! What can be said on the command line: one file for each group of commands, with its help and examples.

mod devices;
mod global;
mod login;
mod messages;
mod room;
mod top;

pub(crate) use devices::{Devices, DevicesCommand};
pub(crate) use global::{Global, Patience};
pub(crate) use login::{Completion, Login, Logout};
pub(crate) use messages::{Read, Send};
pub(crate) use room::{Room, RoomCommand};
pub use top::command;
pub(crate) use top::{Cli, Command};

//! The `wickr` command: what can be said (`args`), who does it (`owner`, `serve`, `attach`), how it is shown (`show`).

#![warn(missing_docs)]

mod args;
mod attach;
mod execute;
mod exit;
mod failure;
mod login;
mod outlet;
mod owner;
mod passphrase;
mod reference;
mod request;
mod room_name;
mod serve;
mod show;
mod socket;
mod start;

pub use args::command;
pub use reference::{REFERENCE_PATH, reference};
pub use start::main;

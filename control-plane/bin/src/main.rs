//! `wickr-server`: relay and sign-in of a network, and the keeping safe of what they store. A file per command.

mod arguments;
mod backup;
mod check;
mod passing;
mod relay;
mod restore;
mod sso;
mod start;
mod which;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let Arguments { log, command } = Arguments::parse();
    let outcome = start::prepare(&log, command.serves()).and_then(|()| match command {
        Command::Relay(config) => relay::run(&config.config),
        Command::Sso(config) => sso::run(&config.config),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Check(config) => check::run(&config.config),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last line on standard error: Kubernetes shows it as the reason why the container ended.
            start::say_last(&error);
            ExitCode::FAILURE
        }
    }
}

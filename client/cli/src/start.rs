//! From the command line to an exit code.

use std::io::{self, BufRead, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;
use wickr_base::{Lifetime, MessageId, SystemRng};
use wickr_sdk::Environment;
use wickr_sdk::profile::Profile;

use crate::args::{self, Cli, Command, DevicesCommand, Global, Patience, RoomCommand, command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::login::{login, logout};
use crate::owner::{just, run};
use crate::request::{self, Request};
use crate::show::{Screen, print};

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let parsed = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked_for { 0 } else { 2 });
        }
    };
    let screen = Screen { json: cli.global.json };
    log(cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let next = "see the limits of this machine";
            screen.failure(&Failure::new(
                Exit::Failed,
                "the program can't start",
                "this process",
                &error.to_string(),
                next,
            ));
            return ExitCode::from(1);
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = dispatch(cli) => outcome,
            () = interrupted() => Err(None),
        }
    });
    // A line still being read from standard input must not keep the program alive.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(None) => ExitCode::from(Exit::Interrupted.code()),
        Err(Some(failure)) => {
            screen.failure(&failure);
            ExitCode::from(failure.exit.code())
        }
    }
}

/// Ends the command wherever it is: what has happened is durable, and the rest is done by the next command.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn log(verbose: bool) {
    let default = if verbose { "info,wickr_sdk=debug,wickr_cli=debug" } else { "off" };
    let filter = EnvFilter::try_from_env("WICKR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}

async fn dispatch(cli: Cli) -> Result<(), Option<Failure>> {
    let Cli { global, command: asked } = cli;
    if let Command::Completion(completion) = asked {
        let mut script = Vec::new();
        clap_complete::generate(completion.shell, &mut command(), "wickr", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        return print(&script).map_err(|_| None);
    }
    let profile = profile(&global).map_err(Some)?;
    let environment = environment(&global);
    match asked {
        Command::Login(asked) => login(&global, &profile, environment, asked).await,
        Command::Logout(asked) => logout(&global, &profile, environment, &asked).await,
        Command::Send(asked) => send(&global, &profile, environment, asked).await,
        other => run(&global, &profile, environment, just(request_of(other))).await,
    }
    .map_err(Some)
}

fn request_of(asked: Command) -> Request {
    match asked {
        Command::Devices(devices) => match devices.command {
            None | Some(DevicesCommand::List) => Request::Devices,
            Some(DevicesCommand::Revoke { device }) => Request::Revoke { device },
        },
        Command::Room(room) => match room.command {
            RoomCommand::Create { name, patience } => Request::RoomCreate { name, wait_ms: wait(patience) },
            RoomCommand::Invite { room, handle, patience } => {
                Request::RoomInvite { room, handle, wait_ms: wait(patience) }
            }
            RoomCommand::List => Request::RoomList,
            RoomCommand::Members { room, patience } => Request::RoomMembers { room, wait_ms: wait(patience) },
            RoomCommand::Leave { room, patience } => Request::RoomLeave { room, wait_ms: wait(patience) },
        },
        Command::Read(read) => Request::Read(request::Read {
            room: read.room,
            follow: read.follow,
            new: read.new,
            last: read.last,
            limit: read.limit,
            offline: read.offline,
            wait_ms: wait(read.patience),
            shown: None,
        }),
        Command::Status(status) => Request::Status { wait_ms: wait(status.patience) },
        // The others have been dealt with by whoever called.
        _ => Request::Whoami,
    }
}

fn wait(patience: Patience) -> u64 {
    millis(patience.wait)
}

fn millis(lifetime: Lifetime) -> u64 {
    u64::try_from(lifetime.get().as_millis()).unwrap_or(u64::MAX)
}

async fn send(
    global: &Global,
    profile: &Profile,
    environment: Environment,
    asked: args::Send,
) -> Result<(), Failure> {
    let (room, expires) = (asked.room.clone(), asked.expires.map(millis));
    let wait_ms = (!asked.no_wait).then(|| wait(asked.patience));
    let request = move |text: String| {
        let id = MessageId::random(&SystemRng);
        Request::Send(request::Send { room: room.clone(), id, text, expires_ms: expires, wait_ms })
    };
    if asked.lines {
        let (send, requests) = mpsc::channel(1);
        // Its own thread, so that an interrupt is heard while nothing comes in.
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let next = line.map(&request).map_err(|error| no_input(&error));
                if send.blocking_send(next).is_err() {
                    break;
                }
            }
        });
        return run(global, profile, environment, requests).await;
    }
    let text = match &asked.text {
        Some(text) if text != "-" => text.clone(),
        _ => tokio::task::spawn_blocking(all_of_stdin)
            .await
            .map_err(io::Error::other)
            .and_then(|read| read)
            .map_err(|error| no_input(&error))?,
    };
    if text.is_empty() {
        let next = "give the text as an argument or on standard input";
        return Err(Failure::new(
            Exit::Failed,
            "there is nothing to send",
            "the message",
            "it is empty",
            next,
        ));
    }
    run(global, profile, environment, just(request(text))).await
}

fn all_of_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn no_input(error: &io::Error) -> Failure {
    let next = "give the text as an argument, or text in UTF-8 on standard input";
    Failure::new(Exit::Failed, "there is nothing to send", "standard input", &error.to_string(), next)
}

fn profile(global: &Global) -> Result<Profile, Failure> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = global
        .profile
        .clone()
        .or_else(|| from("XDG_DATA_HOME").map(|data| data.join("wickr")))
        .or_else(|| from("HOME").map(|home| home.join(".local/share/wickr")));
    directory.map(Profile::at).ok_or_else(|| {
        let next = "give a directory with --profile or WICKR_PROFILE";
        Failure::new(
            Exit::Profile,
            "there is no profile",
            "the environment",
            "neither XDG_DATA_HOME nor HOME is set",
            next,
        )
    })
}

fn environment(global: &Global) -> Environment {
    let mut environment = Environment::system();
    environment.resolve = global.resolve.iter().cloned().collect();
    environment
}

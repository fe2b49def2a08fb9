//! Who deals with a request: this process, when it can own the profile; else the one that does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use wickr_sdk::profile::{Owned, Profile, ProfileError, Unlock, UnlockWith};
use wickr_sdk::{Client, Environment, Error};

use crate::args::Global;
use crate::attach::{Attached, Progress, attach};
use crate::execute::execute;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::passphrase;
use crate::request::Request;
use crate::serve::serve;
use crate::show::Screen;
use crate::socket;

/// How often to look for an owner, and how long between.
const TRIES: u32 = 60;
const BETWEEN: Duration = Duration::from_millis(250);

/// Gets the requests done, one after the other, by whoever owns the profile in the end.
pub(crate) async fn run(
    global: &Global,
    profile: &Profile,
    environment: Environment,
    mut requests: Requests,
) -> Result<(), Failure> {
    let screen = Screen { json: global.json };
    while let Some(request) = requests.recv().await {
        match through_another(profile, request?, screen).await? {
            Through::Done => {}
            Through::Yourself(owned, request) => {
                return as_owner(global, owned, environment, request, requests, screen).await;
            }
        }
    }
    Ok(())
}

/// What one command asks for; most ask for one thing.
pub(crate) type Requests = mpsc::Receiver<Result<Request, Failure>>;

/// The one request of a command.
pub(crate) fn just(request: Request) -> Requests {
    let (send, requests) = mpsc::channel(1);
    // There is room for one.
    let _ = send.try_send(Ok(request));
    requests
}

enum Through {
    Done,
    Yourself(Owned, Request),
}

async fn through_another(
    profile: &Profile,
    mut request: Request,
    screen: Screen,
) -> Result<Through, Failure> {
    // Nothing is made for somebody who has never signed in.
    if !profile.exists() {
        return Err(cannot_open(profile, &Error::NotSignedIn));
    }
    for _ in 0..TRIES {
        match profile.own() {
            Ok(owned) => return Ok(Through::Yourself(owned, request)),
            Err(ProfileError::Busy { .. }) => {}
            Err(error) => return Err(cannot_open(profile, &error.into())),
        }
        match attach(&profile.socket(), &request, screen).await {
            Ok(Attached::Done(outcome)) => return outcome.map(|()| Through::Done),
            Ok(Attached::Yours(progress)) => carry_on(&mut request, &progress),
            Ok(Attached::Unseen(error)) => {
                let (why, next) = (error.to_string(), "see where the output goes");
                return Err(Failure::new(
                    Exit::Failed,
                    "the answer could not be shown",
                    "standard output",
                    &why,
                    next,
                ));
            }
            // Nobody listens there (any more).
            Err(error) => tracing::debug!(%error, "the owner does not answer"),
        }
        // The owner is just starting, or just ending.
        sleep(BETWEEN).await;
    }
    match profile.own() {
        Ok(owned) => Ok(Through::Yourself(owned, request)),
        Err(busy) => Err(cannot_open(profile, &busy.into())),
    }
}

/// An endless reading that is taken over shows only as many more messages as were asked for, and none twice.
fn carry_on(request: &mut Request, progress: &Progress) {
    if let Request::Read(read) = request
        && progress.shown > 0
    {
        read.limit = read.limit.map(|limit| limit.saturating_sub(progress.shown));
        read.shown = progress.last;
        // The past was shown.
        read.last = None;
        read.new = true;
    }
}

async fn as_owner(
    global: &Global,
    owned: Owned,
    environment: Environment,
    first: Request,
    mut further: Requests,
    screen: Screen,
) -> Result<(), Failure> {
    let profile = owned.profile().clone();
    let failed = |error: &Error| cannot_open(&profile, error);
    // Listening begins before the store is open: who comes meanwhile waits instead of looking for an owner.
    let listener = socket::listen(&profile.socket());
    let with = unlock_with(global, &profile)?;
    let client = Client::open(owned, &with, environment).await.map_err(|error| failed(&error))?;
    let (stop, stopped) = watch::channel(false);
    let served = match listener {
        Ok(listener) => {
            let directory = Arc::new(profile.directory().to_owned());
            Some(tokio::spawn(serve(listener, directory, client.clone(), stopped)))
        }
        Err(error) => {
            let _ = screen.note(&format!("other wickr commands can't go through this one: {error}"));
            None
        }
    };
    let mut outlet = Outlet::Screen(screen);
    let mut outcome = execute(&client, first, &mut outlet).await;
    while outcome.is_ok()
        && let Some(request) = further.recv().await
    {
        outcome = match request {
            Ok(request) => execute(&client, request, &mut outlet).await,
            Err(failure) => Err(failure),
        };
    }
    stop.send_replace(true);
    if let Some(served) = served {
        let _ = served.await;
    }
    client.stop().await;
    outcome
}

/// What the profile needs to be unlocked; asks the person where it is a passphrase that no option gives.
pub(crate) fn unlock_with(global: &Global, profile: &Profile) -> Result<UnlockWith, Failure> {
    if let Some(file) = &global.key_file {
        return Ok(UnlockWith::KeyFile(file.clone()));
    }
    if let Some(file) = &global.passphrase_file {
        return passphrase::from_file(file).map(UnlockWith::Passphrase);
    }
    match Unlock::read(profile) {
        Ok(Unlock::Passphrase { .. }) => passphrase::ask("Passphrase: ").map(UnlockWith::Passphrase),
        _ => Ok(UnlockWith::Nothing),
    }
}

pub(crate) fn cannot_open(profile: &Profile, error: &Error) -> Failure {
    Failure::of("the profile can't be used", &profile.directory().display().to_string(), error)
}

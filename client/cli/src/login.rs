//! Signing in and out: the two commands that need the profile for themselves.

use std::io::{self, BufRead, IsTerminal, Write};

use wickr_sdk::profile::{Profile, UnlockWith};
use wickr_sdk::{Client, Environment, Error, Prompt, SignIn, Way, sign_in};

use crate::args::{Global, Login, Logout};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::owner::{cannot_open, unlock_with};
use crate::passphrase;
use crate::show::{Screen, print};

pub(crate) async fn login(
    global: &Global,
    profile: &Profile,
    environment: Environment,
    asked: Login,
) -> Result<(), Failure> {
    let screen = Screen { json: global.json };
    let owned = profile.own().map_err(|error| cannot_open(profile, &error.into()))?;
    let unlock = if asked.passphrase && !profile.exists() {
        match &global.passphrase_file {
            Some(file) => UnlockWith::Passphrase(passphrase::from_file(file)?),
            None => UnlockWith::Passphrase(passphrase::ask_twice()?),
        }
    } else {
        unlock_with(global, profile)?
    };
    let address = asked.join.to_string();
    let way = if asked.browser { Way::Browser } else { Way::Code };
    let sign = SignIn { join: asked.join, way, unlock };
    let client = sign_in(owned, sign, environment, |prompt| {
        // Should nobody read it, the sign-in runs into its own end.
        let _ = show_prompt(screen, &prompt);
    })
    .await
    .map_err(|error| Failure::of("the sign-in came to nothing", &address, &error))?;
    let account = client.account();
    // One connection, so that others can ask this device in before its next command.
    let ready = tokio::time::timeout(std::time::Duration::from_secs(30), client.online()).await;
    client.stop().await;
    let replaced = client.replaced();
    if let Ok(Err(error @ Error::OldStore(_))) = &ready {
        return Err(Failure::of("this profile can't go on as its device", &address, error));
    }
    let shown = if global.json {
        let mut line = serde_json::json!({
            "user": account.user, "device": account.device, "handle": account.handle, "domain": account.domain,
        });
        if let Some(replaced) = replaced {
            line["replaced"] = replaced.to_string().into();
        }
        print(&format!("{line}\n"))
    } else {
        print(&format!("signed in as {} with device {}\n", account.handle, account.device))
    };
    if let Some(replaced) = replaced {
        let _ = screen.note(&format!(
            "this profile was an old copy of device {replaced}: it is a new device now, with its history, and others \
             ask it into rooms anew. If nobody uses the old one: wickr devices revoke {replaced}"
        ));
    }
    if !matches!(ready, Ok(Ok(()))) {
        let _ = screen
            .note("the relay could not be reached yet; others can ask you in once it was (\"wickr status\")");
    }
    shown.map_err(|error| unshown(&error))
}

fn show_prompt(screen: Screen, prompt: &Prompt) -> io::Result<()> {
    let line = match (prompt, screen.json) {
        (Prompt::Code { uri, code, complete, expires }, true) => serde_json::json!({
            "verification_uri": uri,
            "verification_uri_complete": complete,
            "user_code": code,
            "expires_at": expires.to_string(),
        })
        .to_string(),
        (Prompt::Code { uri, code, complete, .. }, false) => {
            let all =
                complete.as_ref().map_or_else(String::new, |complete| format!("\n(or open {complete})"));
            format!("Open {uri} and enter the code {code}{all}")
        }
        (Prompt::Browser { url, expires }, true) => {
            serde_json::json!({ "authorize_url": url, "expires_at": expires.to_string() }).to_string()
        }
        (Prompt::Browser { url, .. }, false) => format!("Open this page in a browser:\n{url}"),
    };
    print(&format!("{line}\n"))
}

pub(crate) async fn logout(
    global: &Global,
    profile: &Profile,
    environment: Environment,
    asked: &Logout,
) -> Result<(), Failure> {
    let screen = Screen { json: global.json };
    let owned = profile.own().map_err(|error| cannot_open(profile, &error.into()))?;
    if !profile.unlock().exists() {
        return Err(cannot_open(profile, &wickr_sdk::Error::NotSignedIn));
    }
    if !asked.yes && !is_sure(profile) {
        let next = "run it again, and answer yes";
        return Err(Failure::new(
            Exit::Failed,
            "nothing was deleted",
            &profile.directory().display().to_string(),
            "not confirmed",
            next,
        ));
    }
    let wiped =
        print(if global.json { "{\"signed_out\":true}\n" } else { "signed out; the profile is empty\n" });
    let with = unlock_with(global, profile);
    let Ok(with) = with else {
        // Who has lost the passphrase can still start over.
        owned.wipe().map_err(|error| cannot_open(profile, &error.into()))?;
        return wiped.map_err(|error| unshown(&error));
    };
    if let Ok(client) = Client::open(owned, &with, environment).await {
        if let Err(error) = client.log_out().await {
            let _ = screen.note(&format!(
                "the session could not be ended at the server ({}); it ends by itself, or revoke the device from another one",
                crate::failure::chain(&error)
            ));
        }
    } else {
        let owned = profile.own().map_err(|error| cannot_open(profile, &error.into()))?;
        owned.wipe().map_err(|error| cannot_open(profile, &error.into()))?;
    }
    wiped.map_err(|error| unshown(&error))
}

fn is_sure(profile: &Profile) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let mut out = io::stderr().lock();
    let _ = write!(out, "Delete keys and messages in {}? Type yes: ", profile.directory().display());
    let _ = out.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

fn unshown(error: &io::Error) -> Failure {
    let next = "see where the output goes";
    Failure::new(Exit::Failed, "the answer could not be shown", "standard output", &error.to_string(), next)
}

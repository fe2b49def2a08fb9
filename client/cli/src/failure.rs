//! An error as a person reads it: what, where, why, what to do next; and the exit code that goes with it.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use wickr_sdk::profile::{ProfileError, UnlockError};
use wickr_sdk::store::StoreError;
use wickr_sdk::{Error, LinkError, NetworkError, SignInError, SsoError};
use wickr_wire::ProblemCode;

use crate::exit::Exit;

/// Why a command came to nothing. Boxed, because it is rare and large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Failure(Box<Parts>);

/// For codes that no command meets, or that this version doesn't know.
const GENERIC: &str = "see why; ask the administrator which rule it is";

const OLD_STORE: &str = "\"wickr login ADDRESS\" makes this profile a new device and keeps its history; then revoke \
                         the old one, unless you use it elsewhere (\"wickr devices\")";

/// Its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    pub(crate) what: String,
    #[serde(rename = "where")]
    pub(crate) place: String,
    pub(crate) why: String,
    pub(crate) next: String,
    pub(crate) exit: Exit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: &str, place: &str, why: &str, next: &str) -> Self {
        Self(Box::new(Parts {
            what: what.to_owned(),
            place: place.to_owned(),
            why: why.to_owned(),
            next: next.to_owned(),
            exit,
            code: None,
        }))
    }

    /// The SDK's error in `place` while the command tried to do `what`.
    pub(crate) fn of(what: &str, place: &str, error: &Error) -> Self {
        let (exit, next) = advice(error);
        let mut failure = Self::new(exit, what, place, &chain(error), next);
        failure.code = error.code().map(|code| code.as_str().to_owned());
        failure
    }

    /// No answer in the time given.
    pub(crate) fn late(what: &str, place: &str, why: &str) -> Self {
        let next = "see \"wickr status\" for the connection; give it more time with --wait";
        Self::new(Exit::Unreachable, what, place, why, next)
    }
}

impl Deref for Failure {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.what)?;
        writeln!(f, "  where: {}", self.place)?;
        writeln!(f, "  why:   {}", self.why)?;
        write!(f, "  next:  {}", self.next)
    }
}

/// The error and its causes in one line; a cause that its parent has said already is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !out.contains(&text) {
            out = format!("{out}: {text}");
        }
        cause = next.source();
    }
    out
}

fn advice(error: &Error) -> (Exit, &'static str) {
    if let Some(code) = error.code() {
        return for_code(code);
    }
    match error {
        Error::NotSignedIn | Error::Network(NetworkError::NotJoined) => (
            Exit::NotSignedIn,
            "sign in with \"wickr login ADDRESS\"; the address is in the network's status, ask its administrator",
        ),
        Error::SignedOut(_) => (
            Exit::NotSignedIn,
            "sign in again with \"wickr login ADDRESS\"; a revoked device needs \"wickr logout\" first",
        ),
        Error::Profile(ProfileError::Open { .. }) => (Exit::Profile, "close it to others: chmod 700"),
        Error::Profile(ProfileError::Busy { .. }) => {
            (Exit::Profile, "wait for that process, or end it, or choose another profile with --profile")
        }
        Error::Profile(_) => (Exit::Profile, "choose another place with --profile or WICKR_PROFILE"),
        Error::Unlock(UnlockError::Open { .. }) => (Exit::Profile, "close it to others: chmod 600"),
        Error::Unlock(UnlockError::PassphraseNeeded) => {
            (Exit::Profile, "run it in a terminal, or give --passphrase-file or WICKR_PASSPHRASE_FILE")
        }
        Error::Unlock(_) | Error::Store(StoreError::WrongKey) => {
            (Exit::Profile, "give the right passphrase or the right --key-file")
        }
        Error::Store(StoreError::TooNew { .. }) => (Exit::Profile, "install the newest wickr"),
        Error::Store(StoreError::Damaged { .. } | StoreError::Record { .. }) => (
            Exit::Profile,
            "the store can't be repaired: \"wickr logout --yes\", then sign in as a new device",
        ),
        Error::Store(_) => (Exit::Profile, "see that the disk has space and works"),
        Error::Network(NetworkError::Trust { .. }) => (
            Exit::Refused,
            "do not go on; ask the network's administrator for the address anew, by a way you trust",
        ),
        Error::Network(NetworkError::Refused { .. }) => {
            (Exit::Refused, "ask the network's administrator: somebody serves an older or foreign document")
        }
        Error::Network(NetworkError::Suite(_)) => (Exit::Refused, "install the newest wickr"),
        Error::Network(NetworkError::Fetch { .. })
        | Error::Relay(
            LinkError::Dial(_) | LinkError::Upgrade { .. } | LinkError::Lost | LinkError::Silent(_),
        )
        | Error::Sso(SsoError::Request { .. })
        | Error::SignIn(SignInError::Sso(SsoError::Request { .. }))
        | Error::Late => (
            Exit::Unreachable,
            "see that the host and port can be reached from here (--resolve helps where names can't be looked up)",
        ),
        Error::SignIn(SignInError::Late(_)) => (Exit::Refused, "begin again and finish the sign-in in time"),
        Error::OtherNetwork { .. } | Error::OtherPerson { .. } => {
            (Exit::Refused, "use another profile (--profile DIR), or \"wickr logout\" this one first")
        }
        Error::NoSuchRoom(_) | Error::NotAMember(_) => {
            (Exit::NotFound, "see \"wickr room list\"; somebody in the room can ask you in")
        }
        Error::AlreadyMembers { .. } => (Exit::Refused, "nothing; see \"wickr room members ROOM\""),
        Error::NoKeyPackages { .. } => (Exit::Refused, "have them sign in and connect once, then try again"),
        Error::Raced { .. } => (Exit::Failed, "try again in a moment"),
        Error::TooLong { .. } => (Exit::Refused, "send it in parts"),
        _ => (Exit::Failed, "try again with --verbose, and report what it says if it goes on"),
    }
}

/// How the command ends on a refusal of that code, and what the person does next.
pub(crate) fn for_code(code: ProblemCode) -> (Exit, &'static str) {
    use ProblemCode as Code;
    match code {
        Code::OldStore => (Exit::NotSignedIn, OLD_STORE),
        Code::Unauthenticated | Code::SessionExpired | Code::SignInRefused | Code::DeviceRevoked => (
            Exit::NotSignedIn,
            "sign in again with \"wickr login ADDRESS\"; a revoked device needs \"wickr logout\" first",
        ),
        Code::NotAMember => (Exit::NotFound, "somebody in the room can ask you in: wickr room invite"),
        Code::Expired => (Exit::Refused, "send it again with a longer --expires"),
        Code::DeviceLimit => (Exit::Refused, "revoke a device that nobody uses any more: wickr devices"),
        Code::HandleTaken => (Exit::Refused, "tell the administrator: two accounts claim this handle"),
        Code::AlreadyExists => (Exit::Refused, "see \"wickr status\": it is there already"),
        Code::StaleEpoch | Code::StaleGeneration | Code::PendingRemoval => {
            (Exit::Failed, "try again in a moment: the room has changed meanwhile")
        }
        Code::Malformed | Code::HandshakeEncrypted | Code::KeyPackageRefused | Code::CommitRefused => (
            Exit::Refused,
            "install the newest wickr; if it is the newest, report this, with what --verbose says",
        ),
        Code::Forbidden => (Exit::Refused, "ask the administrator: the network's rules don't let you"),
        Code::NotFound => (Exit::NotFound, "check how it is written; handles are name@domain"),
        Code::NoProvider | Code::ProviderUnreachable => {
            (Exit::Unreachable, "try again later, or tell the administrator: sign-in is out of service")
        }
        Code::Busy | Code::Draining | Code::TooMany => (Exit::Unreachable, "try again in a moment"),
        Code::StorageFull => (Exit::Refused, "tell the administrator: the relay's store is full"),
        Code::SignInExpired => (Exit::Refused, "begin again and finish the sign-in in time"),
        Code::TooLarge => (Exit::Refused, "send it in parts"),
        Code::RoomFull => (
            Exit::Refused,
            "remove somebody first, or make a second room; the administrator sets how many fit",
        ),
        Code::NoKeyPackages => (Exit::Refused, "have them sign in and connect once, then try again"),
        Code::Internal => (Exit::Failed, "try again; tell the administrator if it goes on"),
        _ => (Exit::Refused, GENERIC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_that_a_command_can_meet_has_a_next_step_of_its_own() {
        // Between the operator and the services.
        let never = [
            ProblemCode::RehearsalFailed,
            ProblemCode::DocumentRefused,
            // Polled for until it is over.
            ProblemCode::SignInPending,
        ];
        for code in ProblemCode::ALL.iter().filter(|code| !never.contains(code)) {
            assert_ne!(for_code(*code).1, GENERIC, "{code}");
        }
    }

    #[test]
    fn a_failure_has_four_parts() {
        let failure = Failure::of("nobody was asked in", "room \"ops\"", &Error::NotSignedIn);
        let text = failure.to_string();
        for part in [
            "error: nobody was asked in",
            "where: room \"ops\"",
            "why:   nobody is signed in",
            "next:  sign in",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(failure.exit.code(), 3);
    }
}

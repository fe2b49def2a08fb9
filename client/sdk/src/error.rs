//! What can go wrong in the client, by the step that was attempted.

use wickr_base::{Domain, Handle, RoomId, UserId};
use wickr_e2ee::E2eeError;
use wickr_policy::RootPin;
use wickr_wire::ProblemCode;

use crate::content::ContentError;
use crate::net::LinkError;
use crate::network::NetworkError;
use crate::profile::{ProfileError, UnlockError};
use crate::sign_in::{SignInError, SsoError};
use crate::store::StoreError;

/// Why the client did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The profile can't be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The store can't be unlocked.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no network document to go by.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The sign-in came to nothing.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// sso failed or refused.
    #[error(transparent)]
    Sso(#[from] SsoError),
    /// The relay failed or refused.
    #[error(transparent)]
    Relay(#[from] LinkError),
    /// MLS failed.
    #[error("{doing}")]
    Mls {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        source: Box<E2eeError>,
    },
    /// The device key is damaged or could not be made.
    #[error("{doing}")]
    Key {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content can't be sent.
    #[error("writing the message: {0}")]
    Content(#[from] ContentError),
    /// Nobody has signed in.
    #[error("nobody is signed in with this profile")]
    NotSignedIn,
    /// The session has ended, or the device was revoked.
    #[error("{0}")]
    SignedOut(String),
    /// The relay has seen the device further than this store is: it is a copy of an earlier time.
    #[error("{0}")]
    OldStore(String),
    /// The profile is another network's.
    #[error("this profile belongs to the network \"{held}\", the address leads to \"{given}\"")]
    OtherNetwork {
        /// Whose it is.
        held: Domain,
        /// Where the address leads.
        given: Domain,
    },
    /// The address names a root that this profile's network has never told of.
    #[error(
        "this profile trusts the root {}, the address names {given}: for another network, or one that was founded anew, \
         use a new profile (--profile); if it should be the same one, ask its administrator",
        held.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    )]
    OtherRoot {
        /// The roots that the profile's network has told of.
        held: Vec<RootPin>,
        /// The address's.
        given: RootPin,
    },
    /// Somebody else finished the sign-in.
    #[error("this profile belongs to \"{held}\", but \"{given}\" has signed in")]
    OtherPerson {
        /// Whose it is.
        held: Handle,
        /// Who came.
        given: Handle,
    },
    /// No such room here.
    #[error("this device knows no room \"{0}\"")]
    NoSuchRoom(RoomId),
    /// Not in it.
    #[error("this device is not a member of \"{0}\"")]
    NotAMember(RoomId),
    /// All of the person's devices are in already.
    #[error("all devices of \"{handle}\" are members of \"{room}\" already")]
    AlreadyMembers {
        /// Who.
        handle: Handle,
        /// Where.
        room: RoomId,
    },
    /// None of the person's devices has a key package to give.
    #[error("no device of \"{handle}\" can be added: none has left a key package at the relay")]
    NoKeyPackages {
        /// Who.
        handle: Handle,
    },
    /// Others were faster, again and again.
    #[error("\"{room}\" changed {tries} times while this device tried to change it")]
    Raced {
        /// Where.
        room: RoomId,
        /// How often.
        tries: u32,
    },
    /// The text is too long for one message.
    #[error("the text has {size} bytes; a message takes at most {limit}")]
    TooLong {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The log of a room has a hole.
    #[error("the relay left out entries of \"{room}\" between {held} and {given}")]
    Gap {
        /// Where.
        room: RoomId,
        /// Up to where it is held.
        held: u64,
        /// What came.
        given: u64,
    },
    /// The relay says something that makes no sense.
    #[error("the relay sent {0}")]
    Protocol(&'static str),
    /// The message waits in a room that the person has no more part in.
    #[error("no answer in time")]
    Late,
    /// A key package is not of the person it was claimed for.
    #[error("the relay gave a key package of another device for user {0}")]
    ForeignPackage(UserId),
}

impl Error {
    /// The problem code, where a service refused.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Sso(error) | Self::SignIn(SignInError::Sso(error)) => error.code(),
            Self::Relay(error) => error.code(),
            Self::OldStore(_) => Some(ProblemCode::OldStore),
            _ => None,
        }
    }

    pub(crate) fn mls(doing: &'static str) -> impl FnOnce(E2eeError) -> Self {
        move |source| Self::Mls { doing, source: Box::new(source) }
    }
}

//! The MLS wrapper (RFC 9420): what a member does with a room (`member`), what the relay sees of it (`observer`).
//!
//! Nobody outside this crate names a type of the MLS library. Everything is synchronous; with hundreds of members
//! creating, adding and joining take tens of milliseconds, so async callers use a blocking thread.
//!
//! Time is the relay's, given with every call that needs it. Randomness for keys is AWS-LC's own and cannot be
//! replaced: a reproducible key is not a key.

#![warn(missing_docs)]

mod codec;
mod credential;
mod devices;
mod error;
mod extensions;
mod group_rules;
mod header;
mod identity;
mod key_package;
mod leaf;
pub mod member;
mod network;
pub mod observer;
mod outer;
mod refused;
mod roster;
mod rules;
mod suite;
mod time;
mod welcome;

pub use devices::DeviceIssuers;
pub use error::{E2eeError, MlsCause};
pub use header::ApplicationHeader;
pub use identity::{Identity, InvalidIdentity};
pub use key_package::{KeyPackageInfo, KeyPackageRef};
pub use member::{
    CommitOut, Committed, Engine, Event, Invited, Joined, MemoryStore, NewGeneration, Record,
    RemovalProposed, Room, Store,
};
pub use network::{CheckedDevice, DeviceChecker, DeviceRefusal, Network};
pub use observer::{Accepted, AcceptedProposal, Added, Hub, Judgement, Observer};
pub use outer::{encode_outer, read_outer};
pub use refused::Refused;
pub use roster::Member;
pub use rules::{Moderator, RoomKind, RoomRules, RuleBreach};
pub use suite::Suite;
pub use welcome::welcome_references;

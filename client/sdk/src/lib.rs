//! The client library: sign in, rooms, send, receive.

#![warn(missing_docs)]

mod client;
mod environment;
mod error;
mod net;
mod network;
mod sign_in;
mod timings;

pub mod content;
pub mod profile;
pub mod store;

pub use client::{Client, Connection, Delivery, Invitation, Member, RoomStatus, SignIn, Status, sign_in};
pub use environment::{Environment, Resolve, ResolveEntry, ResolveError};
pub use error::Error;
pub use net::{DialError, HttpError, LinkError};
pub use network::{Believed, NetworkError};
pub use sign_in::{Device, Person, Prompt, SignInError, SsoError, Way};
pub use timings::{Spread, Timings};

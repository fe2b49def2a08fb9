//! What every crate is given instead of asking the system: identifiers, time, randomness, secrets.
//!
//! Formats are fixed here once; they stand in certificates, on the wire and on disk.

#![warn(missing_docs)]

mod clock;
mod domain;
mod duration;
mod handle;
mod identity;
mod message;
mod random;
pub mod rfc3339;
mod room;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use domain::{Domain, DomainError};
pub use duration::{Lifetime, LifetimeError};
pub use handle::{Handle, HandleError};
pub use identity::{DeviceId, IdentityError, MemberUri, SpiffeId, UserId};
pub use message::{Incarnation, MessageId, MessageIdError, Seq};
pub use random::{Rng, SeededRng, SystemRng};
pub use rfc3339::TimeError;
pub use room::{Generation, GroupId, RoomError, RoomId};
pub use secret::Secret;

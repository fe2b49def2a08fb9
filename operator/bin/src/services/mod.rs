//! How live services are asked: addresses and identities, one call, the poller's question, rehearsals.

mod ask;
mod call;
mod contact;
mod rehearse;
mod target;

pub use ask::{Answer, Services};
pub use call::{Call, CallError};
pub use contact::{Contact, Contacts, Credentials};
pub use rehearse::Rehearsals;
pub use target::{Question, Target, targets};

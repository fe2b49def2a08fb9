//! Acts without deciding: gather, apply, report, events, backoff, polls. Generic over kinds.
//!
//! What is wanted is decided in `wickr-operator-core`; which kinds there are is said by the binary.

#![warn(missing_docs)]

pub mod backoff;
mod cache;
mod caught;
mod class;
mod drive;
mod events;
mod failure;
mod history;
mod kept;
pub mod lease;
mod metrics;
mod object;
mod poller;
mod queue;
mod resume;
mod snapshot;
mod standing;
mod unmet;
mod view;
mod watch;
mod writer;

pub use cache::{Cache, News};
pub use caught::caught;
pub use class::Class;
pub use drive::{Controller, Driver, Outcome, RECHECK};
pub use events::{Events, Happening, shrug};
pub use failure::Failure;
pub use history::History;
pub use kept::Index;
pub use metrics::{Metrics, Polls, Requests, VERBS};
pub use object::{Key, Live, ObjectName};
pub use poller::{Ask, CALM, EAGER, Heard, Poller, TIMEOUT, Wake};
pub use queue::Queue;
pub use snapshot::snapshot;
pub use standing::Standing;
pub use unmet::Unmet;
pub use view::{Asked, View};
pub use watch::{LASTS, Wakes, Watch, Watches};
pub use writer::{Fence, Reported, Writer};

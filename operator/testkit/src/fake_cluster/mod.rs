//! An API server in memory, for tests of drivers: objects, field ownership, watches, faults. No schema, no admission.
//!
//! What must be true of a real API server is tested on one (level 3); this one is for faults and for order.

mod apply;
mod fault;
mod objects;
mod ownership;
mod path;
mod serve;
mod strike;
mod watch;
mod wire;

pub use fault::Fault;
pub use objects::{Copied, Wrote};
pub use serve::FakeCluster;
pub use strike::Hit;
pub use wire::Wire;

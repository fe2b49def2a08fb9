//! Which of several operators may write: our own lease (decided in `decide`, kept by `keeper`, known through `lead`).

mod decide;
mod keeper;
mod lead;

pub use decide::{LOOK, Memory, RENEW, Seen, Step, TERM, WRITES, decide};
pub use keeper::Keeper;
pub use lead::Lead;

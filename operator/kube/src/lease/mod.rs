//! Which of several operators may write: our own lease (decided in `decide`, kept by `keeper`, known through `lead`).

mod decide;

pub use decide::{ANSWER, LOOK, Memory, RENEW, Seen, Step, TERM, WRITES, decide};

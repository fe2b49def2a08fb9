//! The network as this device believes it: how the document is fetched, kept and renewed, and what follows from it.

mod believed;
mod fetch;

pub use believed::Believed;
pub use fetch::NetworkError;
pub(crate) use fetch::{FetchAnew, join, kept, refresh};

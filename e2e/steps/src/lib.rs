//! What `cargo xtask` and the test clusters have in common: steps that are told, programs that are run, packages, the
//! cache. Few dependencies, because everything else waits until this is compiled.

mod cache;
pub mod command;
pub mod lock;
pub mod packages;
pub mod progress;

pub use cache::cache;

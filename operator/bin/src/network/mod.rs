//! The controller of `WickrNetwork`: gather, validate, build, plan, apply, report; `pass` strings them together.

mod apply;
mod build;
mod gather;
mod issue;
mod keys;
mod pass;
mod plan;
mod push;
mod remove;
mod report;
mod sign;
mod validate;

pub use build::build;
pub use gather::{Gathered, gather};
pub(crate) use gather::{lookup, neighbours, sso};
pub use pass::{NAME, NetworkController};
pub use plan::plan;
pub use validate::validate;

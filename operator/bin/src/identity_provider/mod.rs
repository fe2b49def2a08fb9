//! The controller of `IdentityProvider`: the same six words; what is built is a request to sso.

mod apply;
mod build;
mod gather;
mod pass;
mod plan;
mod report;
mod validate;

pub use gather::{Gathered, gather};
pub use pass::{NAME, ProviderController};

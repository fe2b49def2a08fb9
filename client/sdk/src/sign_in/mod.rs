//! Talking to sso: signing in, renewing what ages, and the directory.

mod api;
mod flow;

pub(crate) use api::Sso;
pub use api::{Device, Person, SsoError};
pub(crate) use flow::sign_in;
pub use flow::{Prompt, SignInError, Way};

//! Sign-in: OIDC, device certificates, session tokens, the directory.

#![warn(missing_docs)]

mod admin;
mod alive;
mod background;
mod certificates;
mod completion;
mod config;
mod endings;
mod feed;
#[cfg(test)]
mod hostile;
mod limits;
mod metrics;
mod proof;
mod provider;
mod provider_use;
mod public;
mod refused;
mod replay;
mod run;
mod seal;
mod session_tokens;
mod signed;
mod state;
mod stripes;
#[cfg(test)]
mod testing;

pub use admin::GRANTS;
pub use config::{SsoConfig, SsoSection};
pub use provider::DoorLimits;
pub use run::{BoundSso, SsoError, Surroundings, bind};
pub use seal::SealError;

//! Decisions about an `IdentityProvider`: the same words as for a network; what is built is a request to sso.

mod address;
mod events;
mod outcome;
mod plan;
mod reach;
mod refs;
mod request;
mod status;
mod tokens;
mod validate;

pub use events::events;
pub use outcome::ProviderOutcome;
pub use plan::{ProviderPlan, plan};
pub use reach::reaches;
pub use refs::{ProviderRefs, ProviderSeen, Referenced, Rehearsal};
pub use request::{RehearsalRequest, build};
pub use status::{condition, report};
pub use validate::{ValidProvider, validate};

//! Admission: what the API server asks before it takes an object of ours, judged by the controllers' own `validate`.
//!
//! `review` is a function of values; `router` puts it behind one address; `certificate` decides what it is served under.

#![warn(missing_docs)]

pub mod certificate;
mod metrics;
mod refusal;
mod review;
mod router;

pub use metrics::WebhookMetrics;
pub use review::{Neighbours, Review, Verdict, review};
pub use router::{PATH, Reviewer, routes};

//! Decisions about a `WickrNetwork`: one file per word (gather's result: `refs`, `seen`).

mod build;
mod document;
mod ending;
mod events;
mod keys;
mod plan;
mod plan_text;
mod refs;
mod removal;
mod rotation;
mod seen;
mod sizing;
mod status;
mod targets;
mod valid;
mod validate;

pub use build::{build, port_path};
pub use document::{DOCUMENT_LIFE, DocumentToSign, SignReason};
pub use ending::{DURABLE_NOTICE, GIVEN_NOTICE};
pub use events::events;
pub use keys::{
    CERTIFICATE, ISSUED_BY, KeyMake, KeySlot, KeyWanted, PREVIOUS, PRIVATE_KEY, SEAL, WORKLOAD_LIFE,
    wanted as keys,
};
pub use plan::{FinalizerChange, IssueReason, KeyToIssue, Plan, Push, plan};
pub use plan_text::plan_text;
pub use refs::{GivenSecret, Neighbour, NetworkRefs, SecretData};
pub use removal::{Removal, plan_removal};
pub use seen::{CertificateSeen, DOCUMENT_KEY, DocumentSeen, KeyContent, KeySeen, NetworkSeen, ROOT_KEY};
pub use sizing::Sizes;
pub use status::{Applied, Outcome, condition, report};
pub use targets::{ServiceTarget, targets};
pub use valid::{
    ClassFacts, LoadBalancer, ProviderReach, PublicTlsSource, ValidExposure, ValidIsolation, ValidKeys,
    ValidNetwork, ValidStorage,
};
pub use validate::validate;

pub(crate) use events::long_waits;
pub(crate) use status::merge_waiting;

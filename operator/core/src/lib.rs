//! The operator's decisions: names, refs, validate, build, plan, status. Pure: no client, no clock, no runtime.
//!
//! Six words, the same for every kind: gather (the driver's; its results are `NetworkRefs` and `NetworkSeen`),
//! validate, build, plan, apply (the driver's), report. What touches the cluster is in `operator/kube` and
//! `operator/bin`; what is asked for is in `operator/api`.

#![warn(missing_docs)]

mod answer;
mod basis;
mod calls;
mod condition;
mod env;
mod event;
mod failure;
mod finding;
mod hash;
mod hold;
mod live;
mod lookup;
mod names;
mod own_rights;
mod owned;
mod put;
mod reads;
mod role;
mod unmet;

pub mod drift;
pub mod generate;
pub mod labels;
pub mod network;
pub mod provider;
pub mod tree;

pub use answer::{
    CertificatesAnswer, Check, Disk, ProviderAnswer, ProviderInUse, PublicAnswer, RehearsalAnswer,
    RehearsalCheck, RelayAnswer, Room, STORAGE_FULL, SsoAnswer,
};
pub use basis::Basis;
pub use calls::{CALLS, Call, Party};
pub use condition::{Fact, Truth, find as find_condition, millis, time};
pub use env::Env;
pub use event::{EventReason, EventWanted};
pub use failure::{Explained, FailureClass};
pub use finding::{Finding, FindingCode, Findings};
pub use hold::{Hold, HoldReason};
pub use live::Live;
pub use lookup::{Lookup, Poll};
pub use names::Names;
pub use own_rights::{OWN_RIGHTS, OwnRight};
pub use owned::{EachKind, KindRow, NetworkResources, OwnedKind, Wanted};
pub use put::{Put, Target};
pub use reads::{By, OWNED_VERBS, READS, ReadRow, all as all_reads};
pub use role::{ADMIN_PORT, METRICS_PORT, PUBLIC_PORT, Role};
pub use unmet::unmet;

/// Field manager of what a network owns; its status is written by the same name with `-status`.
pub const NETWORK_MANAGER: &str = "wickr-network";
/// Field manager of the provider's controller; its status is written by the same name with `-status`.
pub const PROVIDER_MANAGER: &str = "wickr-identity-provider";

//! The relay's own section of the configuration file; the common keys are `wickr_service::Config`'s.

use serde::Deserialize;
use wickr_policy::ServiceUrl;
use wickr_service::{Config, KeyFiles};

use crate::limits::RelayLimits;

/// The whole file.
pub type RelayConfig = Config<RelaySection>;

/// What only the relay is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySection {
    /// The hub's certificate and key: the external sender of every room.
    pub external_sender: KeyFiles,
    /// The admin port of sso, where revocations are heard of.
    pub sso: ServiceUrl,
    /// How much one device may ask for.
    #[serde(default)]
    pub limits: RelayLimits,
}

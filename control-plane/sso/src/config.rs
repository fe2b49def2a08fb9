//! sso's own section of the configuration file; the common keys are `wickr_service::Config`'s.

use std::path::PathBuf;

use serde::Deserialize;
use wickr_policy::ServiceUrl;
use wickr_service::{Config, KeyFiles};

/// The whole file.
pub type SsoConfig = Config<SsoSection>;

/// What only sso is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SsoSection {
    /// Who signs device certificates and session tokens.
    pub device_issuer: KeyFiles,
    /// 32 random bytes that seal what only sso may read.
    pub seal_key: PathBuf,
    /// Where clients and browsers reach sso, as in the network document: proofs are made for it, and the
    /// browser comes back to it.
    pub public_url: ServiceUrl,
}

//! The identity provider in service, as sso keeps it. The rehearsal before it: `control-plane/sso`.

use std::time::Duration;

use wickr_base::UnixMillis;

use crate::Sealed;

/// Which client at which provider a sign-in or a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderRef {
    /// Issuer URL, byte for byte as the provider's discovery document has it.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
}

/// A provider that has passed its rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRecord {
    /// The operator's name for exactly these settings and this secret.
    pub generation: String,
    /// Issuer and client.
    pub provider: ProviderRef,
    /// The client secret.
    pub client_secret: Sealed,
    /// Which certificates it is trusted by (PEM); none: the system's.
    pub ca_bundle_pem: Option<String>,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// The claim that the handle is made of.
    pub username_claim: String,
    /// How long sessions and cached keys go on while it can't be reached.
    pub refresh_grace: Duration,
    /// Since when it is in service.
    pub adopted_at: UnixMillis,
}

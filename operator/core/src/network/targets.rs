//! Whom the poller asks about a network, and under which names.

use kube_core::ResourceExt as _;
use wickr_base::SpiffeId;
use wickr_operator_api::v1alpha1::WickrNetwork;

use crate::{ADMIN_PORT, Names, PUBLIC_PORT, Role};

/// A service that the poller asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTarget {
    /// Its role.
    pub role: Role,
    /// Its pod.
    pub pod: String,
    /// Where the pod's admin port is.
    pub host: String,
    /// The admin port.
    pub port: u16,
    /// Who must answer there.
    pub spiffe: SpiffeId,
    /// The Service that clients reach.
    pub public_host: String,
    /// Its port.
    pub public_port: u16,
    /// The name that it must answer to.
    pub hostname: String,
}

/// Every service of a network; none while its domain can't be read.
pub fn targets(network: &WickrNetwork) -> Vec<ServiceTarget> {
    let names = Names::new(network.namespace().unwrap_or_default(), network.name_any());
    let Ok(domain) = network.spec.domain.parse::<wickr_base::Domain>() else { return Vec::new() };
    let target = |role: Role| ServiceTarget {
        role,
        pod: names.pod(role),
        host: names.pod_host(role),
        port: ADMIN_PORT,
        spiffe: SpiffeId::new(domain.clone(), role.name()),
        public_host: names.public_host(role),
        public_port: PUBLIC_PORT,
        hostname: network.spec.exposure.hostname.clone(),
    };
    Role::ALL.map(target).to_vec()
}

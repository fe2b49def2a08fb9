//! From a valid network to every object it shall have. Infallible, pure; keys and the signed document come in apply.

mod accounts;
mod claims;
mod config;
mod metadata;
mod pods;
mod policies;
mod services;

pub use services::port_path;

use super::ValidNetwork;
use crate::owned::{Wanted, wanted};
use crate::{Env, NetworkResources, Role};

/// Everything that the network shall have. Secrets and the signed document's content are made in apply.
pub fn build(network: &ValidNetwork, env: &Env) -> NetworkResources {
    let each = |build: fn(&ValidNetwork, Role) -> _| Role::ALL.map(|role| build(network, role)).to_vec();
    let configs = Role::ALL.map(|role| config::config(network, env, role));
    NetworkResources {
        service_accounts: Role::ALL.map(|role| accounts::service_account(network, role)).to_vec(),
        secrets: Vec::new(),
        config_maps: configs.iter().map(|config| config.map.clone()).collect(),
        services: services::services(network),
        network_policies: policies::policies(network, env),
        persistent_volume_claims: each(claims::claim),
        stateful_sets: configs.iter().map(|config| pods::stateful_set(network, env, config)).collect(),
    }
}

/// The ConfigMap of the signed document, without content.
pub(super) fn document_map(network: &ValidNetwork) -> Wanted {
    wanted(&config::document_map(network))
}

//! Names, labels and owner of what is built.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::network::ValidNetwork;
use crate::{Role, labels};

/// Of an object that goes with the network.
pub(super) fn owned(network: &ValidNetwork, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta { owner_references: Some(vec![network.owner.clone()]), ..kept(network, name, labels) }
}

/// Of a role's object that goes with the network.
pub(super) fn of_role(network: &ValidNetwork, name: String, role: Role) -> ObjectMeta {
    owned(network, name, labels::of_role(&network.names.network, role))
}

/// Of an object that outlives the network; it says which domain's it is.
pub(super) fn durable(network: &ValidNetwork, name: String, role: Role) -> ObjectMeta {
    let mut labels = labels::of_role(&network.names.network, role);
    labels.insert(labels::DOMAIN.to_owned(), network.domain.to_string());
    kept(network, name, labels)
}

fn kept(network: &ValidNetwork, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(network.names.namespace.clone()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

//! Volume claims, applied by the operator itself so that they can grow and outlive the StatefulSet.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::metadata;
use crate::network::ValidNetwork;
use crate::{Role, labels};

pub(super) fn claim(network: &ValidNetwork, role: Role) -> PersistentVolumeClaim {
    let mut metadata = metadata::durable(network, network.names.data(role), role);
    metadata.annotations =
        network.root.map(|root| BTreeMap::from([(labels::ROOT.to_owned(), root.to_string())]));
    let requests = BTreeMap::from([("storage".to_owned(), Quantity(network.sizes.volume(role)))]);
    PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec![network.storage.access_mode.to_owned()]),
            resources: Some(VolumeResourceRequirements { requests: Some(requests), limits: None }),
            storage_class_name: network.storage.class.clone(),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

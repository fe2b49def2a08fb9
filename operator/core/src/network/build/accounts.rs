//! Service accounts: an identity for each service, without any right and without a token in the pod.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::metadata;
use crate::Role;
use crate::network::ValidNetwork;

pub(super) fn service_account(network: &ValidNetwork, role: Role) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata::of_role(network, network.names.role(role), role),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

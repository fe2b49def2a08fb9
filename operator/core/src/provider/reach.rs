//! Where a provider is, for the network's policies: as its spec says, and as it is in service now.

use wickr_operator_api::v1alpha1::IdentityProvider;

use super::address::issuer;
use crate::network::ProviderReach;

/// Where sso must get to for this provider. A last good one in service stays reachable while a change is rehearsed.
pub fn reaches(provider: &IdentityProvider, selected: bool) -> Vec<ProviderReach> {
    let reach = |from: &str, cidrs: &[String]| {
        issuer(from).ok().map(|address| ProviderReach { cidrs: cidrs.to_vec(), port: address.port })
    };
    let wanted = selected.then(|| reach(&provider.spec.issuer, &provider.spec.cidrs)).flatten();
    let active = provider.status.as_ref().and_then(|status| status.active.as_ref());
    let in_service = active.and_then(|active| reach(&active.issuer, &active.cidrs));
    wanted.into_iter().chain(in_service).collect()
}

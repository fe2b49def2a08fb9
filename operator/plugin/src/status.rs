//! `kubectl wickr status`: core's tree of what the operator has reported.

use anyhow::{Context as _, Result};
use kube::ResourceExt as _;
use kube::api::ListParams;
use wickr_base::{Clock as _, SystemClock};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::tree;

use crate::cluster::Cluster;
use crate::networks::meant;

/// The tree of one network, or of all where we look.
pub(crate) async fn status(cluster: &Cluster, name: Option<&str>) -> Result<String> {
    let networks = meant(cluster, name).await?;
    let providers = cluster.of::<IdentityProvider>().list(&ListParams::default()).await;
    let providers =
        providers.with_context(|| format!("listing the identity providers of {}", cluster.place()))?.items;
    let now = SystemClock::new().now();
    let tree = |network: &WickrNetwork| {
        let near = |provider: &&IdentityProvider| provider.namespace() == network.namespace();
        let near: Vec<IdentityProvider> = providers.iter().filter(near).cloned().collect();
        tree::render(network, &near, now)
    };
    Ok(networks.iter().map(tree).collect::<Vec<String>>().join("\n"))
}

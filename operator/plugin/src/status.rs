//! `kubectl wickr status`: core's tree of what the operator has reported.

use anyhow::{Context as _, Result, bail};
use kube::api::{Api, ListParams};
use wickr_base::{Clock as _, SystemClock};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::tree;

use crate::cluster::Cluster;

/// The tree of one network, or of all in the namespace.
pub(crate) async fn status(cluster: &Cluster, name: Option<&str>) -> Result<String> {
    let namespace = &cluster.namespace;
    let networks: Api<WickrNetwork> = Api::namespaced(cluster.client.clone(), namespace);
    let networks: Vec<WickrNetwork> = if let Some(name) = name {
        let found = networks.get_opt(name).await;
        found.with_context(|| format!("reading WickrNetwork {namespace}/{name}"))?.into_iter().collect()
    } else {
        let all = networks.list(&ListParams::default()).await;
        all.with_context(|| format!("listing the networks of namespace \"{namespace}\""))?.items
    };
    if networks.is_empty() {
        let which =
            name.map_or_else(|| "no WickrNetwork".to_owned(), |name| format!("no WickrNetwork \"{name}\""));
        bail!("there is {which} in namespace \"{namespace}\"; kubectl get wn -A lists those there are");
    }
    let providers: Api<IdentityProvider> = Api::namespaced(cluster.client.clone(), namespace);
    let providers = providers.list(&ListParams::default()).await;
    let providers =
        providers.with_context(|| format!("listing the providers of namespace \"{namespace}\""))?.items;
    let now = SystemClock::new().now();
    let trees: Vec<String> = networks.iter().map(|network| tree::render(network, &providers, now)).collect();
    Ok(trees.join("\n"))
}

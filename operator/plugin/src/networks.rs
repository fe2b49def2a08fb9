//! Which networks a person means: one by its name, or all of the place; a wrong name is answered with those there are.

use anyhow::{Context as _, Result, bail};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use wickr_operator_api::v1alpha1::WickrNetwork;

use crate::cluster::Cluster;

/// The networks that are meant; never none.
pub(crate) async fn meant(cluster: &Cluster, name: Option<&str>) -> Result<Vec<WickrNetwork>> {
    if name.is_some() && cluster.namespace.is_none() {
        bail!(
            "a network can't be named together with --all-namespaces: names are unique in a namespace only"
        );
    }
    let all = cluster.of::<WickrNetwork>().list(&ListParams::default()).await;
    let here = all.with_context(|| format!("listing the networks of {}", cluster.place()))?.items;
    let found: Vec<WickrNetwork> =
        here.iter().filter(|network| name.is_none_or(|name| network.name_any() == name)).cloned().collect();
    if found.is_empty() {
        let which =
            name.map_or_else(|| "no WickrNetwork".to_owned(), |name| format!("no WickrNetwork \"{name}\""));
        bail!("there is {which} in {}; {}", cluster.place(), instead(cluster, &here).await);
    }
    Ok(found)
}

/// What there is instead: in this namespace, else in the others.
async fn instead(cluster: &Cluster, here: &[WickrNetwork]) -> String {
    if !here.is_empty() {
        let names: Vec<String> = here.iter().map(|network| format!("\"{}\"", network.name_any())).collect();
        return format!("there {} {}", if names.len() == 1 { "is" } else { "are" }, names.join(", "));
    }
    if cluster.namespace.is_none() {
        return "kubectl apply one, docs/install.md shows how".to_owned();
    }
    // Who may look into this namespace only is told less.
    let everywhere: Api<WickrNetwork> = Api::all(cluster.client.clone());
    match everywhere.list(&ListParams::default()).await {
        Ok(all) if all.items.is_empty() => "nor in any other namespace".to_owned(),
        Ok(all) => {
            let flags = all.iter().map(|network| {
                format!("{} -n {}", network.name_any(), network.namespace().unwrap_or_default())
            });
            format!("elsewhere there are: {}", flags.collect::<Vec<_>>().join(", "))
        }
        Err(_) => "you may not list those of other namespaces: name one with -n".to_owned(),
    }
}

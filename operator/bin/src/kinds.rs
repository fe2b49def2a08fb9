//! The kinds of core's table as the client knows them, and the watches that follow from it.

use std::sync::Arc;

use kube::core::{ApiResource, Resource};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::{By, KindRow, ReadRow, all_reads, labels};
use wickr_operator_kube::{Cache, Key, Live, Wakes, Watch};

/// A row of the table as the client knows it.
pub fn resource(row: &KindRow) -> ApiResource {
    ApiResource {
        group: row.group.to_owned(),
        version: row.version.to_owned(),
        api_version: row.api_version(),
        kind: row.kind.to_owned(),
        plural: row.plural.to_owned(),
    }
}

/// A kind of k8s-openapi or of ours.
pub fn resource_of<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

/// Under which word networks of one domain are found in the cache.
pub fn domain_word(domain: &str) -> String {
    format!("domain={domain}")
}

/// Lets networks be found by their domain; before anything is learned.
pub fn index(cache: &Cache) {
    let domain = |live: &Live| {
        let domain = live.value()["spec"]["domain"].as_str();
        domain.map(domain_word).into_iter().collect()
    };
    cache.index(&resource_of::<WickrNetwork>(), Arc::new(domain));
}

/// What a network's gather reads, and which networks a change wakes.
pub fn network_watches(cache: &Cache) -> Vec<Watch> {
    watches(|kind| Some(wakes_network(kind, cache)))
}

/// What a provider's gather reads, and which providers a change wakes.
pub fn provider_watches(cache: &Cache) -> Vec<Watch> {
    watches(|kind| {
        let cache = cache.clone();
        match kind {
            "IdentityProvider" => Some(Arc::new(|live: &Live| vec![live.key()]) as Wakes),
            "WickrNetwork" => Some(Arc::new(move |live: &Live| {
                cache.keys(&resource_of::<IdentityProvider>(), &live.key().namespace)
            })),
            _ => None,
        }
    })
}

fn watches(wakes: impl Fn(&'static str) -> Option<Wakes>) -> Vec<Watch> {
    let watch = |row: ReadRow| {
        let By::Watch { label } = row.by else { return None };
        Some(Watch {
            resource: resource(&row.kind),
            labels: label.map(str::to_owned),
            cluster_scoped: !row.namespaced,
            wakes: wakes(row.kind.kind)?,
        })
    };
    all_reads().into_iter().filter_map(watch).collect()
}

fn wakes_network(kind: &'static str, cache: &Cache) -> Wakes {
    let cache = cache.clone();
    let networks = resource_of::<WickrNetwork>();
    match kind {
        // Those of the same namespace or domain too: of two, the younger is refused until the older goes.
        "WickrNetwork" => Arc::new(move |live: &Live| {
            let mut keys = vec![live.key()];
            keys.extend(cache.keys(&networks, &live.key().namespace));
            let domain = live.value()["spec"]["domain"].as_str().unwrap_or_default();
            let same = cache.find(&networks, &domain_word(domain)).unwrap_or_default();
            keys.extend(same.iter().map(Live::key));
            keys
        }),
        "IdentityProvider" => Arc::new(move |live: &Live| cache.keys(&networks, &live.key().namespace)),
        "StorageClass" => Arc::new(move |_: &Live| cache.keys(&networks, "")),
        // Everything else carries the network's label.
        _ => Arc::new(|live: &Live| {
            let network = live.label(labels::NETWORK);
            network.map(|name| Key::new(live.key().namespace, name)).into_iter().collect()
        }),
    }
}

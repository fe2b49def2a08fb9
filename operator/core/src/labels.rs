//! Labels and annotations of our objects.

use std::collections::BTreeMap;

use crate::Role;

/// What our own begin with.
pub const OURS: &str = "wickr.dev/";
/// The network an object belongs to; watches of Secrets and pods select by it.
pub const NETWORK: &str = "wickr.dev/network";
/// The network's domain, on objects that outlive the network: only one of the same domain takes them up.
pub const DOMAIN: &str = "wickr.dev/domain";
/// Annotation of a volume claim: the root (`sha256:HEX`) that its data was written under.
pub const ROOT: &str = "wickr.dev/root";
/// Annotation of an issuer's Secret: when it took its predecessor's place.
pub const ROTATED_AT: &str = "wickr.dev/rotated-at";
/// Annotation of a pod template: hash of the configuration file, which a service reads once.
pub const CONFIG: &str = "wickr.dev/config";
/// Annotation of everything that is applied: hash of what was wanted. The API server notes defaults of a created
/// object as ours, so a field that we gave up can't be told from a default by its owner alone.
pub const APPLIED: &str = "wickr.dev/applied";
/// The finalizer of a network with `deletionPolicy: Delete`.
pub const REMOVE_DATA: &str = "wickr.dev/remove-data";

const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";
const COMPONENT: &str = "app.kubernetes.io/component";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Labels of every object of a network.
pub fn of_network(network: &str) -> BTreeMap<String, String> {
    [(NETWORK, network), (NAME, "wickr"), (INSTANCE, network), (MANAGED_BY, "wickr-operator")]
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .collect()
}

/// Labels of the objects of one service.
pub fn of_role(network: &str, role: Role) -> BTreeMap<String, String> {
    let mut labels = of_network(network);
    labels.insert(COMPONENT.to_owned(), role.name().to_owned());
    labels
}

/// What chooses the pods of a network.
pub fn select_network(network: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(NETWORK.to_owned(), network.to_owned())])
}

/// What chooses the pods of one service.
pub fn select_role(network: &str, role: Role) -> BTreeMap<String, String> {
    let mut labels = select_network(network);
    labels.insert(COMPONENT.to_owned(), role.name().to_owned());
    labels
}

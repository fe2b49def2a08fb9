//! What is deleted with a network: with `deletionPolicy: Delete` also what has no owner. With Retain nothing is done:
//! owner references take the rest.

use std::time::Duration;

use kube_core::ResourceExt as _;
use serde_json::Value;
use wickr_operator_api::v1alpha1::{DeletionPolicy, WickrNetwork};

use super::plan::FinalizerChange;
use super::{KeySlot, NetworkSeen};
use crate::hold::{Hold, HoldReason};
use crate::live::{is_going, label};
use crate::put::Target;
use crate::{KindRow, Names, Role, labels};

/// What is done about a network that is being deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Removal {
    /// Objects to be deleted.
    pub remove: Vec<Target>,
    /// Taken away when nothing is left that only we delete.
    pub finalizer: Option<FinalizerChange>,
    /// What is waited for.
    pub holds: Vec<Hold>,
    /// When to look again.
    pub recheck: Option<Duration>,
}

/// Decides about a network whose deletionTimestamp is set. Needs no valid spec, so that a wrong one can go too.
pub fn plan_removal(network: &WickrNetwork, seen: &NetworkSeen) -> Removal {
    if !network.finalizers().iter().any(|finalizer| finalizer == labels::REMOVE_DATA) {
        return Removal::default();
    }
    let done = Removal { finalizer: Some(FinalizerChange::Remove), ..Removal::default() };
    match network.spec.deletion_policy {
        // Changed back at the last moment: the data stays.
        DeletionPolicy::Retain => return done,
        DeletionPolicy::Delete => {}
    }
    let left: Vec<(KindRow, &Value)> = durable(network, seen).collect();
    if left.is_empty() {
        return done;
    }
    // Pods go first: a volume in use is not deleted before they are gone.
    let uid = network.uid().unwrap_or_default();
    let stateful_set = KindRow::of::<k8s_openapi::api::apps::v1::StatefulSet>();
    let pods = seen
        .live
        .iter()
        .filter(|(kind, _, object)| **kind == stateful_set && crate::live::is_owned_by(object, &uid));
    let all = pods.map(|(kind, _, object)| (*kind, object)).chain(left.iter().copied());
    let remove: Vec<Target> = all
        .filter(|(_, object)| !is_going(object))
        .map(|(kind, object)| Target::seen(kind, object))
        .collect();
    let names: Vec<String> = left
        .iter()
        .map(|(kind, object)| {
            format!("{} {}", kind.kind, object["metadata"]["name"].as_str().unwrap_or_default())
        })
        .collect();
    let hold = Hold {
        reason: HoldReason::Removing,
        object: format!("WickrNetwork {}/{}", network.namespace().unwrap_or_default(), network.name_any()),
        path: Some("spec.deletionPolicy"),
        message: format!("deletionPolicy is Delete; still there: {}", names.join(", ")),
        next: "nothing, unless one of them has a finalizer of its own that doesn't go".to_owned(),
    };
    Removal { remove, finalizer: None, holds: vec![hold], recheck: Some(Duration::from_secs(2)) }
}

/// What only the operator deletes: durable keys and volumes of this network and this domain.
fn durable<'a>(
    network: &'a WickrNetwork,
    seen: &'a NetworkSeen,
) -> impl Iterator<Item = (KindRow, &'a Value)> {
    let names = Names::new(network.namespace().unwrap_or_default(), network.name_any());
    let secret = KindRow::of::<k8s_openapi::api::core::v1::Secret>();
    let claim = KindRow::of::<k8s_openapi::api::core::v1::PersistentVolumeClaim>();
    let secrets = KeySlot::ALL.into_iter().chain(KeySlot::NEXT).filter(|slot| slot.is_durable()).map({
        let names = names.clone();
        move |slot| (secret, names.secret(slot))
    });
    let claims = Role::ALL.into_iter().map(move |role| (claim, names.data(role)));
    secrets.chain(claims).filter_map(|(kind, name)| {
        let object = seen.live.value(kind, &name)?;
        (label(object, labels::DOMAIN) == Some(network.spec.domain.as_str())).then_some((kind, object))
    })
}

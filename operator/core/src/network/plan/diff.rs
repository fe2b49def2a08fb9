//! Policies: write only what differs; delete only what carries our label and our owner and is not wanted any more.

use super::Draft;
use crate::drift::drift;
use crate::hash::hash;
use crate::labels;
use crate::live::{is_going, is_owned_by};
use crate::network::{ValidNetwork, build, keys};
use crate::put::{Put, Target};
use crate::{KindRow, NETWORK_MANAGER, Wanted};

/// With the hash of what is wanted: any change of it becomes a difference there, one that gives a field up included.
pub(super) fn marked(mut wanted: Wanted) -> Wanted {
    let hash = hash(wanted.body.to_string().as_bytes());
    wanted.body["metadata"]["annotations"][labels::APPLIED] = hash.into();
    wanted
}

pub(super) fn write_what_differs(draft: &mut Draft<'_>) {
    let namespace = &draft.network.names.namespace;
    for wanted in &draft.want {
        let live = draft.seen.live.value(wanted.kind, &wanted.name);
        let why = match live {
            Some(live) => match drift(&wanted.body, live, NETWORK_MANAGER, "") {
                Some(drift) => drift.to_string(),
                None => continue,
            },
            None => "there is none".to_owned(),
        };
        let seen = live.map(|live| Target::seen(wanted.kind, live));
        let put = Put::over(wanted.kind, namespace, &wanted.name, wanted.body.clone(), seen, why);
        draft.plan.put.push(put);
    }
}

pub(super) fn prune_what_is_unwanted(draft: &mut Draft<'_>) {
    let network = draft.network;
    let uid = &network.owner.uid;
    let made_in_apply = made_in_apply(network);
    let unwanted = draft.seen.live.iter().filter(|(kind, name, object)| {
        let built = draft.built.iter().any(|(of, wanted)| of == *kind && wanted == name);
        let made = made_in_apply.iter().any(|(of, wanted)| of == *kind && wanted == name);
        !built && !made && is_owned_by(object, uid) && !is_going(object)
    });
    draft.plan.prune.extend(unwanted.map(|(kind, _, object)| Target::seen(*kind, object)));
}

/// Keys and the document's ConfigMap: wanted, though build doesn't make them.
fn made_in_apply(network: &ValidNetwork) -> Vec<(KindRow, String)> {
    let secret = KindRow::of::<k8s_openapi::api::core::v1::Secret>();
    let keys = keys::wanted(network).into_iter().map(|key| (secret, key.name));
    let map = build::document_map(network);
    keys.chain([(map.kind, map.name)]).collect()
}

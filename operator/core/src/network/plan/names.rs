//! Policy: an object that another network left behind, or that goes with somebody else, is never taken over.

use serde_json::Value;

use super::Draft;
use crate::hold::HoldReason;
use crate::labels;
use crate::live::{is_going, is_owned_by, label};
use crate::network::KeySlot;

pub(super) fn leave_what_is_not_ours(draft: &mut Draft<'_>) {
    let network = draft.network;
    let domain = network.domain.as_str();
    let mut foreign = Vec::new();
    for (kind, name, object) in draft.seen.live.iter() {
        let wanted = draft.want.iter().any(|wanted| wanted.kind == *kind && wanted.name == name)
            || KeySlot::ALL.iter().chain(&KeySlot::NEXT).any(|slot| network.names.secret(*slot) == name);
        if wanted && let Some(why) = not_ours(object, domain, &network.owner.uid) {
            foreign.push((*kind, name.to_owned(), why));
        }
    }
    for (kind, name, why) in foreign {
        let object = format!("{} {}/{name}", kind.kind, network.names.namespace);
        let next = "delete it when nothing needs it any more, or give this network another name";
        draft.hold(HoldReason::NameTaken, object, None, why, next);
        draft.leave_out(|wanted| wanted.kind == kind && wanted.name == name);
    }
}

/// Why an object with our network's label is somebody else's all the same.
fn not_ours(object: &Value, domain: &str, uid: &str) -> Option<String> {
    if let Some(other) = label(object, labels::DOMAIN).filter(|other| *other != domain) {
        return Some(format!("it belongs to domain \"{other}\", this network is \"{domain}\""));
    }
    let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    if is_going(object) {
        return Some("it is being deleted; it is made again when it is gone".to_owned());
    }
    if !owners.is_empty() && !is_owned_by(object, uid) {
        let owner = &owners[0];
        let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
        return Some(format!("its owner is {} \"{}\" ({})", text("kind"), text("name"), text("uid")));
    }
    None
}

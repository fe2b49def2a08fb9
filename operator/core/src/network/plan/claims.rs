//! Policy: a volume that is there is taken up as it is; it grows where its class lets it, and never shrinks.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::Value;

use super::Draft;
use crate::drift::{bytes, owned};
use crate::hold::HoldReason;
use crate::network::{ClassFacts, ValidStorage};
use crate::{KindRow, NETWORK_MANAGER};

const CLAIM: KindRow = KindRow::of::<PersistentVolumeClaim>();
const STATEFUL_SET: KindRow = KindRow::of::<k8s_openapi::api::apps::v1::StatefulSet>();
const SIZE: &str = "/spec/resources/requests/storage";
const SIZE_PATH: &str = "spec.storage.embedded.size";
const CLASS_PATH: &str = "spec.storage.embedded.storageClassName";

/// A finding about one claim.
enum Verdict {
    Fine,
    /// The size that is there stays: more was made of it by hand, or it was taken up so.
    Keep {
        size: String,
    },
    /// The size that is there stays, because the class doesn't let it grow.
    Stuck {
        size: String,
        why: String,
        next: &'static str,
    },
    /// The size that is there stays until there is a volume: before, the API server takes no other.
    Unbound {
        size: String,
    },
    /// It can't be made.
    Missing {
        why: String,
        next: &'static str,
    },
}

pub(super) fn keep_and_grow(draft: &mut Draft<'_>) {
    let mut held = Vec::new();
    let mut missing = false;
    for wanted in draft.want.iter_mut().filter(|wanted| wanted.kind == CLAIM) {
        let live = draft.seen.live.value(CLAIM, &wanted.name);
        let object = format!("PersistentVolumeClaim {}/{}", draft.network.names.namespace, wanted.name);
        let verdict = match live {
            Some(live) => {
                keep_what_cannot_change(&mut wanted.body, live);
                judge_growth(&wanted.body, live, &draft.network.storage)
            }
            None => judge_class(&draft.network.storage),
        };
        match verdict {
            Verdict::Fine => {}
            Verdict::Keep { size } => set(&mut wanted.body, SIZE, size.into()),
            Verdict::Stuck { size, why, next } => {
                set(&mut wanted.body, SIZE, size.into());
                held.push((HoldReason::StorageCannotGrow, object, SIZE_PATH, why, next));
            }
            Verdict::Unbound { size } => {
                let why = format!("it has no volume, and stays at {size} until it has one");
                set(&mut wanted.body, SIZE, size.into());
                held.push((
                    HoldReason::StorageResizing,
                    object,
                    SIZE_PATH,
                    why,
                    "see condition StorageReady",
                ));
            }
            Verdict::Missing { why, next } => {
                missing = true;
                held.push((HoldReason::StorageClassMissing, object, CLASS_PATH, why, next));
            }
        }
        if let Some(live) = live
            && let Some(message) = resizing(live)
        {
            let next = "nothing, unless it takes longer than the storage usually does";
            let object = format!("PersistentVolumeClaim {}/{}", draft.network.names.namespace, wanted.name);
            held.push((HoldReason::StorageResizing, object, SIZE_PATH, message, next));
        }
    }
    for (reason, object, path, message, next) in held {
        draft.hold(reason, object, Some(path), message, next);
    }
    if missing {
        let seen = draft.seen;
        draft.leave_out(|wanted| {
            (wanted.kind == CLAIM || wanted.kind == STATEFUL_SET)
                && seen.live.value(wanted.kind, &wanted.name).is_none()
        });
    }
}

/// A claim's class and access mode stand once and for all. A class that the cluster has given it is left to the cluster:
/// to want what is there already would be a write that changes nothing.
fn keep_what_cannot_change(want: &mut Value, live: &Value) {
    let owned = owned(live, NETWORK_MANAGER, "");
    let owns = |field: &str| owned.get("f:spec").is_some_and(|spec| spec.get(format!("f:{field}")).is_some());
    for field in ["storageClassName", "accessModes"] {
        let is_ours = want["spec"].get(field).is_some() || owns(field);
        match live["spec"].get(field) {
            Some(value) if is_ours => want["spec"][field] = value.clone(),
            Some(_) | None => {
                if let Some(spec) = want["spec"].as_object_mut() {
                    spec.remove(field);
                }
            }
        }
    }
}

fn judge_growth(want: &Value, live: &Value, storage: &ValidStorage) -> Verdict {
    let size = |of: &Value| of.pointer(SIZE).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (wanted, there) = (size(want), size(live));
    match (bytes(&wanted), bytes(&there)) {
        (Some(wanted_bytes), Some(there_bytes)) if wanted_bytes > there_bytes => {
            if live["status"]["phase"] != "Bound" {
                return Verdict::Unbound { size: there };
            }
            match why_stiff(live, storage) {
                Some(why) => Verdict::Stuck {
                    why: format!("it stays at {there} instead of {wanted}: {why}"),
                    size: there,
                    next: "set allowVolumeExpansion on the class if its storage can do it, or move the data to a \
                           larger volume with wickr-server backup and restore",
                },
                None => Verdict::Fine,
            }
        }
        (Some(wanted_bytes), Some(there_bytes)) if wanted_bytes < there_bytes => {
            Verdict::Keep { size: there }
        }
        _ => Verdict::Fine,
    }
}

/// Why a claim's volume can't grow; `None` when it can, or when nobody may see the classes: then it is tried.
fn why_stiff(live: &Value, storage: &ValidStorage) -> Option<String> {
    let classes = storage.classes.as_ref()?;
    let Some(name) = live["spec"]["storageClassName"].as_str().filter(|name| !name.is_empty()) else {
        return Some("it has no storage class, and only a class lets volumes grow".to_owned());
    };
    match classes.iter().find(|class| class.name == name) {
        Some(ClassFacts { expandable: true, .. }) => None,
        Some(_) => Some(format!("storage class \"{name}\" doesn't let volumes grow")),
        None => Some(format!("its storage class \"{name}\" is not there any more")),
    }
}

fn judge_class(storage: &ValidStorage) -> Verdict {
    let Some(classes) = &storage.classes else { return Verdict::Fine };
    match &storage.class {
        Some(name) if !classes.iter().any(|class| class.name == *name) => {
            let there: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
            let why = format!("storage class \"{name}\" is not there; there are: {}", there.join(", "));
            Verdict::Missing {
                why,
                next: "create the class; the field can't be changed, so a wrong name means making the network again",
            }
        }
        None if !classes.iter().any(|class| class.default) => Verdict::Missing {
            why: "no storage class is named, and the cluster has no default one".to_owned(),
            next: "mark a class as the default, or make the network with storageClassName",
        },
        Some(_) | None => Verdict::Fine,
    }
}

/// What a claim says of a resize that is under way.
fn resizing(live: &Value) -> Option<String> {
    let conditions = live["status"]["conditions"].as_array()?;
    let words = |condition: &Value| {
        let type_ = condition["type"].as_str().filter(|type_| {
            ["Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"]
                .contains(type_)
        })?;
        let message = condition["message"].as_str().unwrap_or_default();
        Some(if message.is_empty() { type_.to_owned() } else { format!("{type_}: {message}") })
    };
    conditions.iter().filter(|condition| condition["status"] == "True").find_map(words)
}

fn set(body: &mut Value, pointer: &str, to: Value) {
    if let Some(slot) = body.pointer_mut(pointer) {
        *slot = to;
    }
}

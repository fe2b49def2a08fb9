//! Policy: pods that run are changed one role at a time; first creations and roles that are down anyway never wait.

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::Value;

use super::Draft;
use crate::drift::drift;
use crate::hold::HoldReason;
use crate::{KindRow, NETWORK_MANAGER, Role};

const STATEFUL_SET: KindRow = KindRow::of::<StatefulSet>();

pub(super) fn one_role_at_a_time(draft: &mut Draft<'_>) {
    leave_without_document(draft);
    let names = &draft.network.names;
    // (role, name, settled, wants a change) of those that run.
    let running: Vec<(Role, String, bool, bool)> = Role::ALL
        .into_iter()
        .filter_map(|role| {
            let name = names.role(role);
            let live = draft.seen.live.value(STATEFUL_SET, &name)?;
            let wanted = draft.want.iter().find(|wanted| wanted.kind == STATEFUL_SET && wanted.name == name);
            let changes =
                wanted.is_some_and(|wanted| drift(&wanted.body, live, NETWORK_MANAGER, "").is_some());
            Some((role, name, is_settled(live), changes))
        })
        .collect();
    let unsettled: Vec<Role> =
        running.iter().filter(|(_, _, settled, _)| !settled).map(|(role, ..)| *role).collect();
    // Those that are down and want a change go at once; else the first, when nobody is on the way.
    let mut turn_is_taken = !unsettled.is_empty();
    for (role, name, settled, changes) in running {
        if !changes || !settled {
            continue;
        }
        if !turn_is_taken {
            turn_is_taken = true;
            continue;
        }
        let before =
            unsettled.first().copied().or_else(|| Role::ALL.into_iter().find(|other| *other != role));
        let before = before.map(|role| names.role(role)).unwrap_or_default();
        draft.hold(
            HoldReason::RollingRole,
            format!("StatefulSet {}/{name}", names.namespace),
            None,
            format!("it is changed when {before} runs again: one role at a time"),
            "nothing, if it passes within a minute; else see the condition of the role that is waited for",
        );
        draft.leave_out(|wanted| wanted.kind == STATEFUL_SET && wanted.name == name);
    }
}

/// Pods mount the signed document; none is started without.
fn leave_without_document(draft: &mut Draft<'_>) {
    if draft.seen.document.is_none() && draft.plan.sign.is_none() {
        let seen = draft.seen;
        draft.leave_out(|wanted| {
            wanted.kind == STATEFUL_SET && seen.live.value(STATEFUL_SET, &wanted.name).is_none()
        });
    }
}

/// Whether the StatefulSet controller has done what the spec says and the pod is ready.
fn is_settled(live: &Value) -> bool {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let text = |path: &str| live.pointer(path).and_then(Value::as_str);
    number("/status/observedGeneration") == number("/metadata/generation")
        && number("/status/readyReplicas") >= 1
        && text("/status/currentRevision") == text("/status/updateRevision")
}

//! StorageReady: volumes bound, grown, and with room on them.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::Value;

use super::Pass;
use crate::answer::{Disk, Room, STORAGE_FULL};
use crate::condition::Fact;
use crate::hold::{Hold, HoldReason};
use crate::{KindRow, Role};

/// Who serves goes on serving.
pub(super) const NEARLY_FULL: &str = "VolumeNearlyFull";

const CLAIM: KindRow = KindRow::of::<PersistentVolumeClaim>();

pub(super) fn storage(pass: &Pass<'_>) -> Fact {
    if let Some((reason, message)) = full(pass) {
        return Fact::no(reason, message);
    }
    let missing = |hold: &Hold| {
        hold.reason == HoldReason::StorageClassMissing
            || (hold.reason == HoldReason::NameTaken && hold.object.starts_with("PersistentVolumeClaim "))
    };
    let growing =
        |hold: &Hold| matches!(hold.reason, HoldReason::StorageCannotGrow | HoldReason::StorageResizing);
    // What is not there comes before what should be larger.
    held(pass, missing)
        .or_else(|| Role::ALL.into_iter().find_map(|role| unbound(pass, role)))
        .or_else(|| held(pass, growing))
        .unwrap_or_else(|| Fact::yes("Bound", "every volume is there, and there is room on it"))
}

/// The holds that `which` chooses, as one fact.
fn held(pass: &Pass<'_>, which: impl Fn(&Hold) -> bool) -> Option<Fact> {
    let holds: Vec<&Hold> = pass.outcome.holds().iter().filter(|hold| which(hold)).collect();
    let all: Vec<String> = holds.iter().map(ToString::to_string).collect();
    holds.first().map(|first| Fact::no(first.reason.as_str(), all.join(" ")))
}

/// Why a role's claim has no volume; `None` when it has one.
fn unbound(pass: &Pass<'_>, role: Role) -> Option<Fact> {
    let name = pass.names.data(role);
    let object = format!("PersistentVolumeClaim {}/{name}", pass.names.namespace);
    let Some(claim) = pass.seen.live.value(CLAIM, &name) else {
        let message = format!("{object} is not there yet. Next: see condition Progressing.");
        return Some(Fact::no("NoVolume", message));
    };
    let text = |path: &str| claim.pointer(path).and_then(Value::as_str).unwrap_or_default();
    match text("/status/phase") {
        "Bound" => None,
        "Lost" => {
            let message = format!(
                "{object} has lost its volume \"{}\". Next: bring the volume back, or restore from a backup.",
                text("/spec/volumeName")
            );
            Some(Fact::no("VolumeLost", message))
        }
        _ => {
            let message = format!(
                "{object} has no volume of class \"{}\" yet. Next: nothing, unless it takes long; then kubectl \
                 describe pvc -n {} {name}.",
                text("/spec/storageClassName"),
                pass.names.namespace
            );
            Some(Fact::no("NotBound", message))
        }
    }
}

/// What is wrong with the volumes and stays so until somebody does something.
pub(super) fn trouble(pass: &Pass<'_>) -> Option<(&'static str, String)> {
    let lost = Role::ALL.into_iter().find(|role| {
        let claim = pass.seen.live.value(CLAIM, &pass.names.data(*role));
        claim.is_some_and(|claim| claim["status"]["phase"] == "Lost")
    });
    full(pass)
        .or_else(|| lost.map(|role| ("VolumeLost", format!("{} has lost its volume", pass.names.data(role)))))
}

/// A volume that is full, by what its service says or by the last words of its pod; or nearly so.
fn full(pass: &Pass<'_>) -> Option<(&'static str, String)> {
    let disk = |role: Role| -> Option<Disk> {
        let pod = pass.names.pod(role);
        match role {
            Role::Relay => pass.seen.relay.get(&pod)?.answer()?.disk,
            Role::Sso => pass.seen.sso.get(&pod)?.answer()?.disk,
        }
    };
    Role::ALL.into_iter().find_map(|role| {
        let by_words = super::pods::trouble(pass, role).filter(|trouble| trouble.reason == "VolumeFull");
        if let Some(trouble) = by_words {
            return Some((trouble.reason, trouble.message));
        }
        let disk = disk(role)?;
        let room = if says_full(pass, role) { Room::None } else { disk.room(role) };
        match room {
            Room::None => Some(("VolumeFull", full_message(pass, role, disk, room))),
            Room::Scarce => Some((NEARLY_FULL, full_message(pass, role, disk, room))),
            Room::Enough => None,
        }
    })
}

/// The service's own word, whatever the figures.
fn says_full(pass: &Pass<'_>, role: Role) -> bool {
    let relay = || pass.seen.relay.get(&pass.names.pod(role))?.answer()?.canary.code.as_deref();
    role == Role::Relay && relay() == Some(STORAGE_FULL)
}

fn full_message(pass: &Pass<'_>, role: Role, disk: Disk, room: Room) -> String {
    let name = pass.names.data(role);
    let size = pass.seen.live.value(CLAIM, &name).map_or("", |claim| {
        claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str).unwrap_or_default()
    });
    format!(
        "PersistentVolumeClaim {}/{name} ({size}) is {}: under {} of {} MiB are free, and the {role} {} what it can't \
         keep. Next: raise spec.storage.embedded.size.",
        pass.names.namespace,
        if room == Room::None { "full" } else { "nearly full" },
        // Rounded up to a power of two, so that status isn't rewritten with each message.
        (disk.free >> 20).max(1).next_power_of_two(),
        disk.total >> 20,
        if room == Room::None { "refuses" } else { "soon refuses" },
    )
}

//! What keeps a service's pod from running, in its own last words where it has any.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use super::Pass;
use crate::Role;

/// What is wrong with a pod.
pub(super) struct Trouble {
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// Whether it stays until somebody does something.
    pub(super) is_lasting: bool,
}

/// Sentences by which programs say that a volume is full.
const FULL: [&str; 3] = ["No space left on device", "os error 28", "database or disk is full"];

/// What is wrong with a role's pod; `None` when it runs, or when nothing is known but that it starts.
pub(super) fn trouble(pass: &Pass<'_>, role: Role) -> Option<Trouble> {
    let name = pass.names.pod(role);
    let object = format!("Pod {}/{name}", pass.names.namespace);
    let pod = pass.seen.pods.iter().find(|pod| pod.metadata.name.as_deref() == Some(&name))?;
    unscheduled(pod, role, &object).or_else(|| container(pod, role, &object))
}

/// The reason that names the service.
pub(super) fn by_role(role: Role, relay: &'static str, sso: &'static str) -> &'static str {
    match role {
        Role::Relay => relay,
        Role::Sso => sso,
    }
}

/// Whether a role's pod is there.
pub(super) fn is_there(pass: &Pass<'_>, role: Role) -> bool {
    let name = pass.names.pod(role);
    pass.seen.pods.iter().any(|pod| pod.metadata.name.as_deref() == Some(&name))
}

fn unscheduled(pod: &Pod, role: Role, object: &str) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    if scheduled.status != "False" {
        return None;
    }
    let why = scheduled.message.clone().unwrap_or_default();
    let message = format!(
        "{object} has no node: {why}. Next: free resources or add a node; if a volume is named, see condition \
         StorageReady."
    );
    let reason = by_role(role, "RelayUnschedulable", "SsoUnschedulable");
    Some(Trouble { reason, message, is_lasting: true })
}

fn container(pod: &Pod, role: Role, object: &str) -> Option<Trouble> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let status = statuses.iter().find(|status| status.name == role.name())?;
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let words = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
    let image = &status.image;
    let lasting = |reason, message| Some(Trouble { reason, message, is_lasting: true });
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => lasting(
            by_role(role, "RelayImagePull", "SsoImagePull"),
            format!(
                "{object}: image \"{image}\" can't be had: {words}. Next: check the operator's image settings and \
                 the registry's Secret."
            ),
        ),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => lasting(
            by_role(role, "RelayContainerConfig", "SsoContainerConfig"),
            format!(
                "{object} can't be started: {words}. Next: restore what is named, or see kubectl describe."
            ),
        ),
        _ => crashed(status, role, object, reason == "CrashLoopBackOff"),
    }
}

/// A container that ended by itself and is not running again, or again and again.
fn crashed(status: &ContainerStatus, role: Role, object: &str, loops: bool) -> Option<Trouble> {
    let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
    if running && status.ready {
        return None;
    }
    let ended = |state: &Option<ContainerState>| state.as_ref().and_then(|state| state.terminated.clone());
    let ended = ended(&status.state).or_else(|| ended(&status.last_state))?;
    if ended.exit_code == 0 && !loops {
        return None;
    }
    let said = ended.message.as_deref().unwrap_or_default().trim();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(said).trim();
    let how = match ended.reason.as_deref() {
        Some("OOMKilled") => "it needed more memory than its limit".to_owned(),
        _ if last.is_empty() => format!("it ended with exit code {} and said nothing", ended.exit_code),
        _ => format!("it ended with exit code {}, its last words: {last}", ended.exit_code),
    };
    if FULL.iter().any(|words| said.contains(words)) {
        let message = format!("{object}: {how}. Next: raise spec.storage.embedded.size.");
        return Some(Trouble { reason: "VolumeFull", message, is_lasting: true });
    }
    let next = if ended.reason.as_deref() == Some("OOMKilled") {
        "raise spec.capacity.users, which sizes its memory".to_owned()
    } else {
        format!("kubectl logs --previous -n {}", object.trim_start_matches("Pod ").replace('/', " "))
    };
    let reason = if loops {
        by_role(role, "RelayCrashLoop", "SsoCrashLoop")
    } else {
        by_role(role, "RelayCrashed", "SsoCrashed")
    };
    let restarts = if loops { ", again and again" } else { "" };
    Some(Trouble { reason, message: format!("{object}: {how}{restarts}. Next: {next}."), is_lasting: loops })
}

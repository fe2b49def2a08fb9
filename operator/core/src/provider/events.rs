//! Which events follow from a pass over a provider.

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::IdentityProviderStatus;

use super::ProviderOutcome;
use super::status::condition;
use crate::condition::find;
use crate::event::{EventReason, EventWanted};
use crate::failure::FailureClass;
use crate::network::long_waits;

/// The events of a pass. The driver drops those whose key it has published for that object.
pub fn events(
    before: Option<&IdentityProviderStatus>,
    after: &IdentityProviderStatus,
    outcome: &ProviderOutcome<'_>,
    now: UnixMillis,
) -> Vec<EventWanted> {
    let mut events = Vec::new();
    match outcome {
        ProviderOutcome::Refused(findings) => {
            events.push(EventWanted::new(EventReason::Refused, findings.to_string()));
        }
        ProviderOutcome::Failed(failure) if failure.is_worth_telling() => {
            let forbidden = failure.class == FailureClass::Forbidden;
            let reason = if forbidden { EventReason::Forbidden } else { EventReason::Failed };
            events.push(EventWanted::new(reason, failure.to_string()));
        }
        ProviderOutcome::Failed(_) | ProviderOutcome::Planned { .. } => {}
    }
    events.extend(rehearsed(before, after));
    events.extend(activated(before, after));
    events.extend(long_waits(&after.waiting, now));
    events.extend(readiness(before, after));
    events
}

fn rehearsed(before: Option<&IdentityProviderStatus>, after: &IdentityProviderStatus) -> Option<EventWanted> {
    let last = after.last_rehearsal.as_ref()?;
    if before.and_then(|before| before.last_rehearsal.as_ref()) == Some(last) {
        return None;
    }
    if last.passed {
        return Some(EventWanted::new(EventReason::RehearsalPassed, "every check of the rehearsal passed"));
    }
    let failed: Vec<String> = last
        .checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    Some(EventWanted::new(EventReason::RehearsalFailed, failed.join("; ")))
}

fn activated(before: Option<&IdentityProviderStatus>, after: &IdentityProviderStatus) -> Option<EventWanted> {
    let active = after.active.as_ref()?;
    let old = before.and_then(|before| before.active.as_ref());
    if old.is_some_and(|old| old.generation == active.generation) {
        return None;
    }
    let note = format!("sso uses {} with client \"{}\" now", active.issuer, active.client_id);
    let key = format!("ProviderActivated/{}", active.generation);
    Some(EventWanted { key, ..EventWanted::new(EventReason::ProviderActivated, note) })
}

fn readiness(before: Option<&IdentityProviderStatus>, after: &IdentityProviderStatus) -> Option<EventWanted> {
    let old = before.and_then(|status| find(&status.conditions, condition::READY));
    let new = find(&after.conditions, condition::READY)?;
    let (was, is) = (old.is_some_and(|old| old.status == "True"), new.status == "True");
    let reason = match (was, is) {
        (false, true) => EventReason::Ready,
        (true, false) => EventReason::NotReady,
        (true, true) | (false, false) => return None,
    };
    let key = format!("{}/{}", reason.as_str(), new.last_transition_time.0);
    Some(EventWanted { key, ..EventWanted::new(reason, format!("{}: {}", new.reason, new.message)) })
}

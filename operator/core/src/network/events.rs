//! Which events follow from a pass: what changed in status, what was waited for too long, what was made.

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::{Waiting, WickrNetworkStatus};

use super::status::{Outcome, condition, find};
use crate::condition::millis;
use crate::event::{EventReason, EventWanted};
use crate::failure::FailureClass;

/// How long something is waited for before it is told.
const PATIENCE_MS: i64 = 30_000;

/// The events of a pass. The driver drops those whose key it has published for that object.
pub fn events(
    before: Option<&WickrNetworkStatus>,
    after: &WickrNetworkStatus,
    outcome: &Outcome<'_>,
    now: UnixMillis,
) -> Vec<EventWanted> {
    let mut events = Vec::new();
    if let Outcome::Refused(findings) = outcome {
        events.push(EventWanted::new(EventReason::Refused, findings.to_string()));
    }
    if let Some(failure) = outcome.failure().filter(|failure| failure.is_worth_telling()) {
        let reason = match failure.class {
            FailureClass::Forbidden => EventReason::Forbidden,
            FailureClass::Refused | FailureClass::Holding | FailureClass::Transient | FailureClass::Bug => {
                EventReason::Failed
            }
        };
        events.push(EventWanted::new(reason, failure.to_string()));
    }
    if let Outcome::Planned { plan, applied: Ok(_), .. } = outcome {
        made(plan, &mut events);
    }
    if let Outcome::Removing { removal, applied: Ok(_) } = outcome
        && removal.finalizer.is_some()
    {
        events.push(EventWanted::new(
            EventReason::DataRemoved,
            "keys and volumes are gone, as deletionPolicy says",
        ));
    }
    events.extend(long_waits(&after.waiting, now));
    events.extend(ending(after));
    events.extend(readiness(before, after));
    events
}

fn made(plan: &super::Plan, events: &mut Vec<EventWanted>) {
    let (renewed, new): (Vec<_>, Vec<_>) = plan.issue.iter().partition(|key| key.is_renewal());
    if !new.is_empty() {
        let names: Vec<&str> = new.iter().map(|key| key.key.name.as_str()).collect();
        events.push(EventWanted::new(EventReason::KeysMade, format!("made {}", names.join(", "))));
    }
    for key in renewed {
        let note = format!("renewed {}: {}", key.key.name, key.because);
        events.push(EventWanted::new(EventReason::KeyRenewed, note));
    }
    if let Some(sign) = &plan.sign {
        let note = format!("signed network document {}: {}", sign.payload.number, sign.because);
        events.push(EventWanted::new(EventReason::DocumentSigned, note));
    }
}

/// An event for everything that has been waited for longer than 30 s.
pub(crate) fn long_waits(waiting: &[Waiting], now: UnixMillis) -> impl Iterator<Item = EventWanted> {
    let long = waiting.iter().filter(move |wait| now.0.saturating_sub(millis(&wait.since).0) > PATIENCE_MS);
    long.map(|wait| {
        let note = format!("{}: {}. Next: {}.", wait.object, wait.message, wait.next);
        EventWanted {
            key: format!("Holding/{}/{}/{}", wait.reason, wait.object, wait.since.0),
            ..EventWanted::new(EventReason::Holding, note)
        }
    })
}

/// An event about certificates that end soon, told again when another one joins them.
fn ending(after: &WickrNetworkStatus) -> Option<EventWanted> {
    let lasting = find(after, condition::LASTING).filter(|lasting| lasting.status == "False")?;
    Some(EventWanted::new(EventReason::KeyEnding, lasting.message.clone()))
}

/// An event when Ready changes; going from nothing to not-ready is no news.
fn readiness(before: Option<&WickrNetworkStatus>, after: &WickrNetworkStatus) -> Option<EventWanted> {
    let old = before.and_then(|status| find(status, condition::READY));
    let new = find(after, condition::READY)?;
    let was = old.is_some_and(|old| old.status == "True");
    let is = new.status == "True";
    let reason = match (was, is) {
        (false, true) => EventReason::Ready,
        (true, false) => EventReason::NotReady,
        (true, true) | (false, false) => return None,
    };
    let key = format!("{}/{}", reason.as_str(), new.last_transition_time.0);
    Some(EventWanted { key, ..EventWanted::new(reason, format!("{}: {}", new.reason, new.message)) })
}

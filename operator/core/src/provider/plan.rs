//! Whether a rehearsal is due, or what it waits for.

use std::time::Duration;

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::LastRehearsal;

use super::{ProviderSeen, Rehearsal, RehearsalRequest, ValidProvider};
use crate::condition::millis;
use crate::hold::{Hold, HoldReason};
use crate::{Poll, SsoAnswer};

/// How long after a failed rehearsal the next one of the same settings is asked for.
const AGAIN_MS: i64 = 60_000;

/// What is to be done about a provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderPlan {
    /// A rehearsal to be asked for.
    pub rehearse: Option<RehearsalRequest>,
    /// What is not done now, and why.
    pub holds: Vec<Hold>,
    /// When to look again, if nothing wakes us before.
    pub recheck: Option<Duration>,
}

/// What may be done now. `last` is `status.lastRehearsal`, which outlives the process.
pub fn plan(
    provider: &ValidProvider,
    request: &RehearsalRequest,
    seen: &ProviderSeen,
    last: Option<&LastRehearsal>,
    now: UnixMillis,
) -> ProviderPlan {
    let hold = |reason, message: String, next: &str, recheck: Option<Duration>| ProviderPlan {
        rehearse: None,
        holds: vec![Hold {
            reason,
            object: format!("IdentityProvider {}/{}", provider.namespace, provider.name),
            path: None,
            message,
            next: next.to_owned(),
        }],
        recheck,
    };
    if provider.paused {
        let message = "the network is paused: nothing is rehearsed".to_owned();
        return hold(HoldReason::Paused, message, "set spec.paused of the network to false", None);
    }
    let (asked, answer) = match &seen.sso {
        Poll::Answered { at, answer } => (*at, answer),
        Poll::Never | Poll::Failed { .. } => {
            let message = "sso of the network doesn't answer yet".to_owned();
            let next = "see condition SsoReady of the network";
            return hold(HoldReason::NetworkNotReady, message, next, Some(Duration::from_secs(5)));
        }
    };
    if is_done(request, answer, last) {
        return ProviderPlan::default();
    }
    match &seen.rehearsal {
        Rehearsal::Running { generation, .. } if *generation == request.generation => {
            let message = "sso is rehearsing these settings".to_owned();
            hold(HoldReason::Rehearsing, message, "nothing: it takes seconds", Some(Duration::from_secs(5)))
        }
        // It went live after the poller's last look.
        Rehearsal::Done { generation, at, answer }
            if *generation == request.generation && answer.adopted && *at >= asked =>
        {
            let message = "the rehearsal passed; sso has not told yet that it uses these settings".to_owned();
            hold(HoldReason::Rehearsing, message, "nothing: it takes seconds", Some(Duration::from_secs(5)))
        }
        _ => match failed_at(request, seen, last)
            .filter(|at| (0..AGAIN_MS).contains(&now.0.saturating_sub(at.0)))
        {
            Some(at) => {
                let left = AGAIN_MS - now.0.saturating_sub(at.0);
                let message =
                    "the last rehearsal of these settings failed; the next one is within a minute".to_owned();
                let wait = Duration::from_millis(u64::try_from(left).unwrap_or(0).clamp(1000, 60_000));
                hold(HoldReason::Rehearsing, message, "mend what the conditions name", Some(wait))
            }
            None => ProviderPlan { rehearse: Some(request.clone()), ..ProviderPlan::default() },
        },
    }
}

/// In use, when it is the chosen one; passed, when it isn't.
fn is_done(request: &RehearsalRequest, answer: &SsoAnswer, last: Option<&LastRehearsal>) -> bool {
    if request.adopt {
        answer.provider.active.as_ref().is_some_and(|active| active.generation == request.generation)
    } else {
        last.is_some_and(|last| last.passed && last.generation == request.generation)
    }
}

/// When these settings last failed, by this process's memory or by status.
fn failed_at(
    request: &RehearsalRequest,
    seen: &ProviderSeen,
    last: Option<&LastRehearsal>,
) -> Option<UnixMillis> {
    let by_memory = match &seen.rehearsal {
        Rehearsal::Done { generation, at, answer } if *generation == request.generation && !answer.passed => {
            Some(*at)
        }
        Rehearsal::Failed { generation, at, .. } if *generation == request.generation => Some(*at),
        _ => None,
    };
    let by_status = last.filter(|last| !last.passed && last.generation == request.generation);
    by_memory.max(by_status.map(|last| millis(&last.at)))
}

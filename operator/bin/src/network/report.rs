//! Report: status on every pass, events of what changed, and how often the services are asked from now on.

use std::time::Duration;

use wickr_operator_api::v1alpha1::{KeyPhase, WickrNetwork, WickrNetworkStatus};
use wickr_operator_core::network::{self, Outcome, condition};
use wickr_operator_core::{EventReason, EventWanted, find_condition, unmet};
use wickr_operator_kube::{Failure, Heard, Live, ObjectName, Reported, Writer};

use super::Gathered;
use crate::context::Context;
use crate::services::Target;
use crate::tell::Teller;

/// A sign of life older than this is watched closely: at a minute it counts as gone.
const WANING: Duration = Duration::from_secs(30);

/// Writes what is so now, unless it stands there already.
pub(super) async fn report(
    context: &Context,
    writer: &Writer,
    teller: &Teller,
    live: &Live,
    network: &WickrNetwork,
    gathered: Option<&Gathered>,
    outcome: &Outcome<'_>,
) -> Result<(), Failure> {
    let now = context.clock.now();
    let known = gathered.map(|gathered| (&gathered.refs, &gathered.seen));
    let status = network::report(network, known, outcome, now);
    if let Some(gathered) = gathered {
        ask_from_now_on(context, live, &status, gathered);
        if stands_until_asked(context, live, network, gathered, outcome) {
            let standing = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
            context.unmet.tell(super::NAME, &live.key(), unmet(standing));
            return Ok(());
        }
    }
    context.unmet.tell(super::NAME, &live.key(), unmet(&status.conditions));
    let value = serde_json::to_value(&status).map_err(|source| Failure::Unreadable {
        object: ObjectName::new(live.resource(), live.key()),
        source,
    })?;
    let reported = match writer.status(live, &value).await {
        Ok(reported) => reported,
        Err(failure) => {
            teller.tell_instead_of_status(live, &failure).await;
            return Err(failure);
        }
    };
    let mut events = network::events(network.status.as_ref(), &status, outcome, now);
    // Tried with every pass: the first that is published ends it.
    let unheard = gathered.and_then(|gathered| gathered.seen.unheard.as_ref());
    events.extend(unheard.map(|why| EventWanted::new(EventReason::Forbidden, why.to_string())));
    teller.tell(live, events, reported).await;
    Ok(())
}

/// Tells what a round has made when another one follows before anything is reported.
pub(super) async fn tell(
    context: &Context,
    teller: &Teller,
    live: &Live,
    network: &WickrNetwork,
    outcome: &Outcome<'_>,
) {
    let status = network.status.clone().unwrap_or_default();
    let events = network::events(Some(&status), &status, outcome, context.clock.now());
    teller.tell(live, events, Reported::Written).await;
}

/// After a restart what the last operator wrote stands until this one has asked the services itself, seconds
/// later: it is truer than "never asked". Only while there is nothing else to tell.
fn stands_until_asked(
    context: &Context,
    live: &Live,
    network: &WickrNetwork,
    gathered: &Gathered,
    outcome: &Outcome<'_>,
) -> bool {
    let key = live.key();
    let nothing_done =
        matches!(outcome, Outcome::Planned { applied: Ok(applied), .. } if applied.writes == 0);
    // Of this spec or the one before: who takes over from a leader that ended between the two is not asked less.
    let judged = network.status.as_ref().is_some_and(|status| status.observed_generation.is_some());
    let unasked = |target: &Target| matches!(context.poller.heard(&key, target), Heard::Never);
    nothing_done && judged && context.contacts.get(&key).is_some() && gathered.targets.iter().any(unasked)
}

/// Every 30 s while all is well, every 5 s otherwise, or while what an issuer has signed is made anew; nobody before the
/// network has its keys.
fn ask_from_now_on(context: &Context, live: &Live, status: &WickrNetworkStatus, gathered: &Gathered) {
    let key = live.key();
    let reachable = context.contacts.get(&key).is_some();
    let targets: &[Target] = if reachable { &gathered.targets } else { &[] };
    let ready =
        find_condition(&status.conditions, condition::READY).is_some_and(|ready| ready.status == "True");
    let now = context.clock.now();
    let waning = targets.iter().any(|target| match context.poller.heard(&key, target) {
        Heard::Answered { answer, .. } => answer.oldest_sign().is_some_and(|sign| now.since(sign) > WANING),
        Heard::Failed { .. } | Heard::Never => true,
    });
    let replacing = status.keys.iter().any(|key| key.phase == KeyPhase::Replacing);
    context.poller.want(&key, targets, !ready || waning || replacing);
}

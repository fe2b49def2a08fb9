//! Conditions that come from the pass itself: Accepted, KeysReady, Progressing, Degraded.

use super::{Outcome, Pass, condition, pods, storage};
use crate::condition::Fact;
use crate::failure::Explained;
use crate::finding::FindingCode;
use crate::hold::{Hold, HoldReason};
use crate::network::ending::endings;
use crate::{Lookup, Role};

/// What can be said when gather itself failed: that nobody knows, and why. The other conditions keep what they say.
pub(super) fn blind(outcome: &Outcome<'_>) -> Vec<(&'static str, Fact)> {
    let Some(failure) = outcome.failure() else { return Vec::new() };
    let mut facts = vec![(condition::DEGRADED, failed(failure))];
    if failure.is_worth_telling() {
        let message = format!("the operator can't see the network: {failure}");
        facts.push((condition::READY, Fact::no(failure.reason(), message)));
    }
    facts
}

pub(super) fn accepted(outcome: &Outcome<'_>) -> Fact {
    match outcome {
        Outcome::Refused(findings) => {
            let reason = findings.first().map_or(FindingCode::Unreadable, |finding| finding.code).as_str();
            Fact::no(reason, findings.to_string())
        }
        Outcome::Planned { .. } | Outcome::Failed(_) => {
            Fact::yes("Valid", "the spec is valid and what it points at is there")
        }
        Outcome::Removing { .. } => Fact::no("Deleting", "the network is being deleted"),
    }
}

pub(super) fn keys(pass: &Pass<'_>) -> Fact {
    let about_keys = |hold: &&Hold| {
        hold.reason.is_about_keys()
            || (hold.reason == HoldReason::NameTaken && hold.object.starts_with("Secret "))
    };
    let holds: Vec<&Hold> = pass.outcome.holds().iter().filter(about_keys).collect();
    if let Some(first) = holds.first() {
        let all: Vec<String> = holds.iter().map(ToString::to_string).collect();
        return Fact::no(first.reason.as_str(), all.join(" "));
    }
    match (pass.outcome, pass.seen.root) {
        (_, None) => {
            Fact::no(HoldReason::KeysBeingMade.as_str(), "the network has no root yet. Next: nothing.")
        }
        (Outcome::Planned { plan, .. }, Some(_)) if !plan.issue.is_empty() => {
            Fact::yes("Renewing", "every key is there; some are being renewed")
        }
        (_, Some(_)) => Fact::yes("Complete", "every key is there and fits"),
    }
}

pub(super) fn lasting(pass: &Pass<'_>) -> Fact {
    let valid = match pass.outcome {
        Outcome::Planned { valid, .. } => Some(*valid),
        Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Removing { .. } => None,
    };
    let all = endings(&pass.names, pass.seen, valid, pass.now);
    let Some(first) = all.first() else {
        return Fact::yes("Lasting", "no certificate ends soon without being renewed by itself");
    };
    let told: Vec<String> = all.iter().map(ToString::to_string).collect();
    Fact::no(first.reason, told.join(" "))
}

pub(super) fn progressing(pass: &Pass<'_>) -> Fact {
    if let Some(failure) = pass.outcome.failure() {
        return Fact::yes("Retrying", failure.to_string());
    }
    let holds = pass.outcome.holds();
    if let Some(first) = holds.first() {
        let all: Vec<String> = holds.iter().map(ToString::to_string).collect();
        return Fact::yes(first.reason.as_str(), all.join(" "));
    }
    match pass.outcome {
        Outcome::Planned { plan, .. }
            if !plan.put.is_empty() || plan.sign.is_some() || !plan.issue.is_empty() =>
        {
            Fact::yes("Applying", "objects are being written")
        }
        Outcome::Refused(_) => Fact::no("Refused", "nothing is changed while the spec is refused"),
        Outcome::Planned { .. } | Outcome::Failed(_) | Outcome::Removing { .. } => {
            Fact::no("Settled", "nothing is left to do")
        }
    }
}

pub(super) fn degraded(pass: &Pass<'_>) -> Fact {
    if let Some(failure) = pass.outcome.failure().filter(|failure| failure.is_worth_telling()) {
        return failed(failure);
    }
    if let Some((role, trouble)) =
        Role::ALL.into_iter().find_map(|role| Some((role, pods::trouble(pass, role)?)))
        && trouble.is_lasting
    {
        return Fact::yes(trouble.reason, format!("{role}: {}", trouble.message));
    }
    if let Some((reason, message)) = storage::trouble(pass) {
        return Fact::yes(reason, message);
    }
    if let Lookup::Unreadable(why) = &pass.refs.storage_classes
        && why.is_worth_telling()
    {
        return Fact::yes(why.reason(), format!("whether volumes can grow is not known: {why}"));
    }
    if let Some(why) = &pass.seen.unheard {
        return Fact::yes(why.reason(), format!("events are not published: {why}"));
    }
    let lasting = |hold: &&Hold| is_lasting(hold.reason);
    if let Some(hold) = pass.outcome.holds().iter().find(lasting) {
        return Fact::yes(hold.reason.as_str(), hold.to_string());
    }
    Fact::no("AsExpected", "nothing is wrong that doesn't pass by itself")
}

fn failed(failure: &Explained) -> Fact {
    if failure.is_worth_telling() {
        Fact::yes(failure.reason(), failure.to_string())
    } else {
        Fact::no("AsExpected", "nothing is wrong that doesn't pass by itself")
    }
}

/// Whether a hold stays until somebody does something.
fn is_lasting(reason: HoldReason) -> bool {
    match reason {
        HoldReason::KeyLost
        | HoldReason::KeyUnreadable
        | HoldReason::KeyMismatch
        | HoldReason::KeyExpired
        | HoldReason::KeyNotYetValid
        | HoldReason::NameTaken
        | HoldReason::StorageClassMissing
        | HoldReason::StorageCannotGrow => true,
        HoldReason::Paused
        | HoldReason::KeysBeingMade
        | HoldReason::KeyRotating
        | HoldReason::StorageResizing
        | HoldReason::RollingRole
        | HoldReason::DocumentSpreading
        | HoldReason::Rehearsing
        | HoldReason::NetworkNotReady
        | HoldReason::Removing => false,
    }
}

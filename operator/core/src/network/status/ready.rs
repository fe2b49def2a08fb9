//! Ready: a client can sign in and deliver a message now. Every part of it is fresh, or Ready is False and names it.

use super::{Outcome, condition, public, storage};
use crate::condition::{Fact, Truth};

/// What Ready is made of, in the order in which the first that fails is told: causes before what they cause, and so
/// sso before the relay, which lets nobody in without it.
const PARTS: [&str; 8] = [
    condition::ACCEPTED,
    condition::KEYS,
    condition::STORAGE,
    condition::SSO,
    condition::RELAY,
    condition::SIGN_IN,
    condition::PUBLIC,
    condition::DOCUMENT,
];

pub(super) fn ready(outcome: &Outcome<'_>, facts: &[(&'static str, Fact)]) -> Fact {
    let of = |part: &str| facts.iter().find(|(type_, _)| *type_ == part).map(|(_, fact)| fact);
    let missing: Vec<(&str, &Fact)> = PARTS
        .into_iter()
        .filter_map(|part| Some((part, of(part)?)))
        .filter(|(part, fact)| !fact.is_true() && !is_tolerable(part, fact))
        .collect();
    let mut told: Vec<String> =
        missing.iter().map(|(part, fact)| format!("{part}: {}", fact.message)).collect();
    // What is known to be wrong comes before what was never asked.
    let worst = missing.iter().find(|(_, fact)| fact.truth == Truth::False).or(missing.first());
    let Some((_, worst)) = worst else {
        return Fact::yes("Ready", "a client can sign in and deliver a message");
    };
    match outcome.failure().filter(|failure| failure.is_worth_telling()) {
        Some(failure) => {
            told.insert(0, failure.to_string());
            Fact::no(failure.reason(), told.join(" "))
        }
        None => Fact::no(worst.reason, told.join(" ")),
    }
}

/// A volume that can't grow, or is nearly full, and a document that is on its way, are worth telling and keep nobody
/// from sending.
fn is_tolerable(part: &str, fact: &Fact) -> bool {
    let reasons: &[&str] = match part {
        condition::STORAGE => &["StorageCannotGrow", "StorageResizing", storage::NEARLY_FULL],
        condition::DOCUMENT => &[public::SPREADING],
        _ => &[],
    };
    reasons.contains(&fact.reason)
}

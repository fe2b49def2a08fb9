//! `status.waiting`: the holds of the plan, each with the time it began.

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::Waiting;

use super::Outcome;
use crate::condition::{shortened, time};
use crate::hold::Hold;

/// Most entries that are told.
const MOST: usize = 16;

pub(super) fn waiting(before: &[Waiting], outcome: &Outcome<'_>, now: UnixMillis) -> Vec<Waiting> {
    merge(before, outcome.holds(), now)
}

/// The list that follows `before`; the same reason about the same object goes on waiting.
pub(crate) fn merge(before: &[Waiting], holds: &[Hold], now: UnixMillis) -> Vec<Waiting> {
    let entry = |hold: &Hold| {
        let path = hold.path.map(|path| format!(", {path}")).unwrap_or_default();
        let object = format!("{}{path}", hold.object);
        let same = before.iter().find(|old| old.reason == hold.reason.as_str() && old.object == object);
        Waiting {
            reason: hold.reason.as_str().to_owned(),
            since: same.map_or_else(|| time(now), |old| old.since.clone()),
            object,
            message: shortened(&hold.message),
            next: hold.next.chars().take(1000).collect(),
        }
    };
    holds.iter().take(MOST).map(entry).collect()
}

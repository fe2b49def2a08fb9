//! Policy: while `spec.paused` is set, nothing is changed; what would be done stays out of the plan.

use super::{Draft, Plan};
use crate::hold::{Hold, HoldReason};

pub(super) fn change_nothing(draft: &mut Draft<'_>) {
    if !draft.network.paused {
        return;
    }
    let plan = std::mem::take(&mut draft.plan);
    let left = plan.issue.len()
        + plan.rotate.len()
        + usize::from(plan.sign.is_some())
        + plan.put.len()
        + plan.prune.len();
    let names = &draft.network.names;
    let paused = Hold {
        reason: HoldReason::Paused,
        object: format!("WickrNetwork {}/{}", names.namespace, names.network),
        path: Some("spec.paused"),
        message: match left {
            0 => "nothing is changed, and nothing would have to be".to_owned(),
            1 => "nothing is changed; 1 change waits".to_owned(),
            more => format!("nothing is changed; {more} changes wait"),
        },
        next: "set spec.paused to false to go on; kubectl wickr plan shows what waits".to_owned(),
    };
    // A deletion policy is kept even so: it decides what a deletion does, not what runs.
    draft.plan = Plan { finalizer: plan.finalizer, holds: vec![paused], ..Plan::default() };
}

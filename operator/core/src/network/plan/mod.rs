//! What may be done now: a chain of small policies, each taking things out of what is wanted, with a reason.

mod claims;
mod diff;
mod keys;
mod names;
mod paused;
mod rollout;
mod rotation;

use std::time::Duration;

use wickr_base::UnixMillis;

use super::{DocumentToSign, NetworkSeen, ValidNetwork, document};
use crate::hold::{Hold, HoldReason};
use crate::put::{Put, Target};
use crate::{KindRow, NetworkResources, Role, Wanted, labels};

pub use keys::{IssueReason, KeyToIssue};

/// What is to be done now, in this order, and what is waited for. A value: it can be printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// First of all, so that nothing is made that could not be removed again.
    pub finalizer: Option<FinalizerChange>,
    /// Keys to be made, signers before what they sign.
    pub issue: Vec<KeyToIssue>,
    /// Issuers whose Secret a successor takes, or whose predecessor goes; with them their keys are written.
    pub rotate: Vec<Put>,
    /// The document to be signed.
    pub sign: Option<DocumentToSign>,
    /// Objects to be written, in apply order.
    pub put: Vec<Put>,
    /// Objects to be deleted, only after every put succeeded.
    pub prune: Vec<Target>,
    /// Services that get the document in force.
    pub push: Vec<Push>,
    /// What is not done now, and why.
    pub holds: Vec<Hold>,
    /// When to look again, if nothing wakes us before.
    pub recheck: Option<Duration>,
}

/// What becomes of the finalizer `wickr.dev/remove-data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerChange {
    /// It is added.
    Add,
    /// It is taken away.
    Remove,
}

/// A service that gets the document in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Its role.
    pub role: Role,
    /// Its pod.
    pub pod: String,
    /// The document's number.
    pub number: u64,
}

/// A plan in the making: what is still wanted, what was decided.
struct Draft<'a> {
    network: &'a ValidNetwork,
    seen: &'a NetworkSeen,
    now: UnixMillis,
    /// What build made, left alone: an object that waits is not unwanted.
    built: Vec<(KindRow, String)>,
    want: Vec<Wanted>,
    plan: Plan,
}

/// The chain. Order matters: later policies see what earlier ones left.
const POLICIES: &[fn(&mut Draft<'_>)] = &[
    finalizer,
    names::leave_what_is_not_ours,
    keys::issue_what_is_due,
    rotation::replace_issuers,
    sign_what_is_due,
    claims::keep_and_grow,
    rollout::one_role_at_a_time,
    diff::write_what_differs,
    diff::prune_what_is_unwanted,
    push_to_those_behind,
    paused::change_nothing,
];

/// What may be done now to get from what was seen to what is wanted.
pub fn plan(network: &ValidNetwork, want: NetworkResources, seen: &NetworkSeen, now: UnixMillis) -> Plan {
    // Before any policy looks at it: what was taken from the live object must not count as our change.
    let want: Vec<Wanted> = want.into_wanted().into_iter().map(diff::marked).collect();
    let built = want.iter().map(|wanted| (wanted.kind, wanted.name.clone())).collect();
    let mut draft = Draft { network, seen, now, built, want, plan: Plan::default() };
    for policy in POLICIES {
        policy(&mut draft);
    }
    draft.plan
}

/// With `deletionPolicy: Delete` the network stays until its data is gone.
fn finalizer(draft: &mut Draft<'_>) {
    let has = draft.network.finalizers.iter().any(|finalizer| finalizer == labels::REMOVE_DATA);
    draft.plan.finalizer = match (draft.network.removes_data, has) {
        (true, false) => Some(FinalizerChange::Add),
        (false, true) => Some(FinalizerChange::Remove),
        (true, true) | (false, false) => None,
    };
}

/// Pods mount the document: they wait until there is one, or one is signed in this very pass.
fn sign_what_is_due(draft: &mut Draft<'_>) {
    draft.plan.sign = document::to_sign(draft.network, draft.seen, draft.now);
}

/// What is asked of each service that has an older document than the one in force.
fn push_to_those_behind(draft: &mut Draft<'_>) {
    let signed = draft.plan.sign.as_ref().map(|sign| sign.payload.number);
    let kept = draft.seen.document.as_ref().map(|seen| seen.document.number);
    let Some(number) = signed.or(kept) else { return };
    let relays = draft.seen.relay.iter().filter_map(|(pod, poll)| Some((pod, poll.answer()?.document)));
    let ssos = draft.seen.sso.iter().filter_map(|(pod, poll)| Some((pod, poll.answer()?.document)));
    let all = ssos.map(|found| (Role::Sso, found)).chain(relays.map(|found| (Role::Relay, found)));
    let behind = all.filter(|(_, (_, has))| *has < number);
    let push: Vec<Push> = behind.map(|(role, (pod, _))| Push { role, pod: pod.clone(), number }).collect();
    for push in &push {
        draft.plan.holds.push(Hold {
            reason: HoldReason::DocumentSpreading,
            object: format!("Pod {}/{}", draft.network.names.namespace, push.pod),
            path: None,
            message: format!("it gets network document {number}"),
            next: "nothing: it is sent again until it has arrived".to_owned(),
        });
    }
    draft.plan.push = push;
    if !draft.plan.push.is_empty() {
        draft.recheck_in(Duration::from_secs(5));
    }
}

impl Draft<'_> {
    fn hold(
        &mut self,
        reason: HoldReason,
        object: String,
        path: Option<&'static str>,
        message: String,
        next: impl Into<String>,
    ) {
        self.plan.holds.push(Hold { reason, object, path, message, next: next.into() });
    }

    fn recheck_in(&mut self, wait: Duration) {
        self.plan.recheck = Some(self.plan.recheck.map_or(wait, |sooner| sooner.min(wait)));
    }

    /// Takes every wanted object that `leave` chooses out of this pass.
    fn leave_out(&mut self, leave: impl Fn(&Wanted) -> bool) {
        self.want.retain(|wanted| !leave(wanted));
    }
}

//! Apply: has sso rehearse, beside the pass. sso adopts what passes and keeps the last good one otherwise.

use std::sync::Arc;

use wickr_operator_core::provider::ProviderPlan;
use wickr_operator_kube::Key;

use super::Gathered;
use crate::context::Context;

/// True when a rehearsal has begun.
pub(super) fn apply(context: &Arc<Context>, key: &Key, plan: &ProviderPlan, gathered: &Gathered) -> bool {
    if !context.lead.leads() {
        return false;
    }
    let (Some(request), Some(sso)) = (&plan.rehearse, &gathered.sso) else { return false };
    let Some(contact) = context.contacts.get(&sso.network) else { return false };
    let (poller, target) = (context.poller.clone(), sso.clone());
    let look_again = move || poller.hurry(&target.network, &target);
    context.rehearsals.begin(key, request.clone(), sso.clone(), contact, look_again);
    true
}

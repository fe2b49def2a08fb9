//! Plan: whether a rehearsal is due, or what it waits for.

use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_core::provider::{self, ProviderPlan, RehearsalRequest, ValidProvider};

use super::Gathered;
use crate::context::Context;

pub(super) fn plan(
    context: &Context,
    provider: &IdentityProvider,
    valid: &ValidProvider,
    request: &RehearsalRequest,
    gathered: &Gathered,
) -> ProviderPlan {
    let last = provider.status.as_ref().and_then(|status| status.last_rehearsal.as_ref());
    provider::plan(valid, request, &gathered.seen, last, context.clock.now())
}

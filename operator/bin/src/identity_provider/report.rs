//! Report: status on every pass, events of what changed.

use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_core::provider::{self, ProviderOutcome, ProviderSeen};
use wickr_operator_core::unmet;
use wickr_operator_kube::{Failure, Live, ObjectName, Writer};

use crate::context::Context;
use crate::tell::Teller;

/// Writes what is so now, unless it stands there already.
pub(super) async fn report(
    context: &Context,
    writer: &Writer,
    teller: &Teller,
    live: &Live,
    provider: &IdentityProvider,
    seen: Option<&ProviderSeen>,
    outcome: &ProviderOutcome<'_>,
) -> Result<(), Failure> {
    let now = context.clock.now();
    let status = provider::report(provider, seen, outcome, now);
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
    let events = provider::events(provider.status.as_ref(), &status, outcome, now);
    teller.tell(live, events, reported).await;
    Ok(())
}

//! One pass over a provider: the six words in their order, and status whatever happens.

use std::sync::Arc;

use kube::core::ApiResource;
use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_core::provider::{ProviderOutcome as Ended, ProviderSeen};
use wickr_operator_core::{Poll, unmet};
use wickr_operator_kube::{Controller, Key, Live, Outcome, View, Writer};

use super::{Gathered, apply, build, gather, plan, report, validate};
use crate::context::Context;
use crate::explain;
use crate::kinds::resource_of;
use crate::tell::Teller;

/// The controller's name, in field managers, metrics and events.
pub const NAME: &str = "identity-provider";

/// The controller of `IdentityProvider`.
pub struct ProviderController {
    context: Arc<Context>,
    writer: Writer,
    teller: Teller,
    resource: ApiResource,
}

impl Controller for ProviderController {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn pass(&self, key: &Key, failed: u32) -> Outcome {
        if self.context.cache.is_mixed() {
            return Outcome::undecided();
        }
        let view = self.context.view();
        let live = match view.get(&self.resource, key) {
            Ok(Some(live)) => live,
            Ok(None) => {
                self.context.rehearsals.forget(key);
                self.context.unmet.forget(NAME, key);
                return Outcome::Gone;
            }
            Err(failure) => return failure.into(),
        };
        match live.parse() {
            Ok(provider) => self.look(&view, &live, &provider, failed).await,
            Err(failure) => failure.into(),
        }
    }
}

impl ProviderController {
    /// Writes through `writer`, tells through `teller`.
    pub fn new(context: Arc<Context>, writer: Writer, teller: Teller) -> Self {
        Self { context, writer, teller, resource: resource_of::<IdentityProvider>() }
    }

    async fn look(&self, view: &View, live: &Live, provider: &IdentityProvider, failed: u32) -> Outcome {
        let key = live.key();
        let mut gathered = match gather(&self.context, view, provider, &key).await {
            Ok(gathered) => gathered,
            Err(failure) => {
                let explained = explain::failure(&failure, failed);
                let next = explain::outcome(&explained);
                return self.end(live, provider, None, &Ended::Failed(&explained), next).await;
            }
        };
        let valid = match validate::validate(provider, &gathered) {
            Ok(valid) => valid,
            Err(findings) => {
                let ended = Ended::Refused(&findings);
                return self.end(live, provider, Some(&gathered.seen), &ended, Outcome::Refused).await;
            }
        };
        let request = build::build(&valid);
        let plan = plan::plan(&self.context, provider, &valid, &request, &gathered);
        if apply::apply(&self.context, &key, &plan, &gathered) {
            gathered.seen.rehearsal = self.context.rehearsals.last(&key);
        }
        let reasons: Vec<&'static str> = plan.holds.iter().map(|hold| hold.reason.as_str()).collect();
        let next = if reasons.is_empty() {
            Outcome::Settled { recheck: plan.recheck }
        } else {
            Outcome::Holding { reasons, recheck: plan.recheck }
        };
        if stands_until_asked(&self.context, provider, &gathered) {
            let standing = provider.status.as_ref().map_or(&[][..], |status| &status.conditions);
            self.context.unmet.tell(NAME, &key, unmet(standing));
            return next;
        }
        let ended = Ended::Planned { valid: &valid, request: &request, plan: &plan };
        self.end(live, provider, Some(&gathered.seen), &ended, next).await
    }

    /// Status whatever happened; when even that fails, that is what the pass ended with.
    async fn end(
        &self,
        live: &Live,
        provider: &IdentityProvider,
        seen: Option<&ProviderSeen>,
        ended: &Ended<'_>,
        next: Outcome,
    ) -> Outcome {
        let reported =
            report::report(&self.context, &self.writer, &self.teller, live, provider, seen, ended).await;
        match reported {
            Ok(()) => next,
            Err(failure) => failure.into(),
        }
    }
}

/// After a restart what the last operator wrote stands until this one has asked sso, seconds later: as it does for the
/// network. sso is asked once its network's keys are there.
fn stands_until_asked(context: &Context, provider: &IdentityProvider, gathered: &Gathered) -> bool {
    let judged = provider.status.as_ref().is_some_and(|status| status.observed_generation.is_some());
    let asked = gathered.sso.as_ref().is_some_and(|sso| context.contacts.get(&sso.network).is_some());
    judged && asked && matches!(gathered.seen.sso, Poll::Never)
}

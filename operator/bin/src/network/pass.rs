//! One pass over a network: the six words in their order, and status whatever happens.

use std::sync::Arc;
use std::time::Duration;

use kube::core::ApiResource;
use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_core::Names;
use wickr_operator_core::network::{KeySlot, Outcome as Ended, plan_removal};
use wickr_operator_kube::{Controller, Key, Live, Outcome, View, Writer};
use wickr_pki::Purpose;

use super::apply::Hands;
use super::{Gathered, apply, build, gather, keys, plan, remove, report, validate};
use crate::context::Context;
use crate::explain;
use crate::kinds::resource_of;
use crate::services::Credentials;
use crate::tell::Teller;

/// The controller's name, in field managers, metrics and events.
pub const NAME: &str = "network";

/// Most rounds of one pass: keys, the document, objects, and one that finds nothing left.
const ROUNDS: usize = 5;

/// The controller of `WickrNetwork`.
pub struct NetworkController {
    context: Arc<Context>,
    writer: Writer,
    teller: Teller,
    resource: ApiResource,
}

impl Controller for NetworkController {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn pass(&self, key: &Key, failed: u32) -> Outcome {
        let view = self.context.view();
        for round in 1..=ROUNDS {
            if self.context.cache.is_mixed() {
                return Outcome::undecided();
            }
            let live = match view.get(&self.resource, key) {
                Ok(Some(live)) => live,
                Ok(None) => return self.gone(key),
                Err(failure) => return failure.into(),
            };
            let network: WickrNetwork = match live.parse() {
                Ok(network) => network,
                Err(failure) => return failure.into(),
            };
            if let Some(outcome) = self.look(&view, &live, &network, failed, round == ROUNDS).await {
                return outcome;
            }
        }
        Outcome::Settled { recheck: Some(Duration::ZERO) }
    }
}

impl NetworkController {
    /// Writes through `writer`, tells through `teller`.
    pub fn new(context: Arc<Context>, writer: Writer, teller: Teller) -> Self {
        Self { context, writer, teller, resource: resource_of::<WickrNetwork>() }
    }

    /// One round. `None`: something was written, so look again before anything is reported.
    async fn look(
        &self,
        view: &View,
        live: &Live,
        network: &WickrNetwork,
        failed: u32,
        last: bool,
    ) -> Option<Outcome> {
        let gathered = match gather(&self.context, view, network, &live.key()).await {
            Ok(mut gathered) => {
                gathered.seen.unheard = self.teller.unheard();
                gathered
            }
            Err(failure) => {
                let explained = explain::failure(&failure, failed);
                let next = explain::outcome(&explained);
                return Some(self.end(live, network, None, &Ended::Failed(&explained), next).await);
            }
        };
        self.keep_contact(&live.key(), &gathered);
        if live.deleting() {
            return Some(self.removal(live, network, &gathered, failed).await);
        }
        let valid = match validate(&self.context, network, &gathered) {
            Ok(valid) => valid,
            Err(findings) => {
                let ended = Ended::Refused(&findings);
                return Some(self.end(live, network, Some(&gathered), &ended, Outcome::Refused).await);
            }
        };
        let want = build(&self.context, &valid);
        let plan = plan(&self.context, &valid, want, &gathered);
        let hands = Hands { context: &self.context, writer: &self.writer, live, domain: &valid.domain };
        let applied = apply::apply(&hands, &valid, &plan, &gathered).await;
        let explained = applied.as_ref().err().map(|error| explain::apply_error(error, failed));
        let ended = Ended::Planned {
            valid: &valid,
            plan: &plan,
            applied: explained.as_ref().map_or_else(|| Ok(applied.unwrap_or_default()), Err),
        };
        let next = match &explained {
            Some(explained) => explain::outcome(explained),
            None if wrote(&ended) && !last => {
                report::tell(&self.context, &self.teller, live, network, &ended).await;
                return None;
            }
            None if plan.holds.is_empty() => Outcome::Settled { recheck: plan.recheck },
            None => Outcome::Holding { reasons: reasons(&plan.holds), recheck: plan.recheck },
        };
        Some(self.end(live, network, Some(&gathered), &ended, next).await)
    }

    async fn removal(
        &self,
        live: &Live,
        network: &WickrNetwork,
        gathered: &Gathered,
        failed: u32,
    ) -> Outcome {
        let removal = plan_removal(network, &gathered.seen);
        let applied = remove::remove(&self.writer, live, &removal).await;
        let explained = applied.as_ref().err().map(|error| explain::apply_error(error, failed));
        let next = match &explained {
            Some(explained) => explain::outcome(explained),
            None if removal.holds.is_empty() => Outcome::Settled { recheck: removal.recheck },
            None => Outcome::Holding { reasons: reasons(&removal.holds), recheck: removal.recheck },
        };
        let applied = explained.as_ref().map_or_else(|| Ok(applied.unwrap_or_default()), Err);
        let ended = Ended::Removing { removal: &removal, applied };
        self.end(live, network, Some(gathered), &ended, next).await
    }

    /// Status whatever happened; when even that fails, that is what the pass ended with.
    async fn end(
        &self,
        live: &Live,
        network: &WickrNetwork,
        gathered: Option<&Gathered>,
        ended: &Ended<'_>,
        next: Outcome,
    ) -> Outcome {
        let reported =
            report::report(&self.context, &self.writer, &self.teller, live, network, gathered, ended).await;
        match reported {
            Ok(()) => next,
            Err(failure) => failure.into(),
        }
    }

    /// The services can be reached once the operator's key, the issuer's certificate and a document are there.
    fn keep_contact(&self, key: &Key, gathered: &Gathered) {
        let seen = &gathered.seen;
        let names = Names::new(key.namespace.clone(), key.name.clone());
        let contact = || {
            Some(Credentials {
                operator: keys::read(&names, seen, KeySlot::OperatorClient).ok()?,
                workload: seen.issuers(Purpose::Workload)?,
                public: seen.document.as_ref()?.document.anchors.for_public_tls().to_vec(),
                root: seen.root?,
            })
        };
        match contact() {
            Some(credentials) => self.context.contacts.keep(key, credentials, &self.context.clock),
            None => self.context.contacts.forget(key),
        }
    }

    fn gone(&self, key: &Key) -> Outcome {
        self.context.poller.forget(key);
        self.context.contacts.forget(key);
        self.context.unmet.forget(NAME, key);
        Outcome::Gone
    }
}

/// Whether a round changed anything: the next one looks at what came of it, in the cache that has it already.
fn wrote(ended: &Ended<'_>) -> bool {
    matches!(ended, Ended::Planned { applied: Ok(applied), .. } if applied.writes > 0)
}

fn reasons(holds: &[wickr_operator_core::Hold]) -> Vec<&'static str> {
    holds.iter().map(|hold| hold.reason.as_str()).collect()
}

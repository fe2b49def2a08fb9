//! What all parts of a running relay share.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;
use wickr_base::{Clock, Domain, Rng, UnixMillis};
use wickr_e2ee::{DeviceIssuers, Hub, Identity, Network, Suite};
use wickr_service::HeldDocument;
use wickr_store::queue::QueueStore;

use crate::acknowledge::Acknowledged;
use crate::canary::CanaryState;
use crate::changes::Following;
use crate::limits::Limits;
use crate::live::Live;
use crate::meters::Meters;
use crate::refusal::Refusal;
use crate::removal::Removals;
use crate::rooms::Rooms;
use crate::status::Figures;
use crate::ticket::Ticket;

pub(crate) type Store = dyn QueueStore<Ticket>;

/// The network document in force, followed.
pub(crate) type Documents = watch::Receiver<Option<Arc<HeldDocument>>>;

pub(crate) struct Relay {
    pub(crate) domain: Domain,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) store: Arc<Store>,
    pub(crate) live: Arc<Live>,
    pub(crate) rooms: Rooms,
    pub(crate) limits: Limits,
    pub(crate) meters: Meters,
    pub(crate) documents: Documents,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) following: Following,
    pub(crate) canary: CanaryState,
    pub(crate) figures: Figures,
    /// Rooms from which somebody may have to be removed.
    pub(crate) removals: Removals,
    /// The hub's certificate and key.
    pub(crate) external_sender: Identity,
    /// The hub as the document of that number has it.
    pub(crate) hub: RwLock<Option<(u64, Hub)>>,
}

impl Relay {
    /// The store's time: the only one for expiry.
    pub(crate) fn now(&self) -> UnixMillis {
        self.store.now()
    }

    /// Monotonic milliseconds, for telling how long something has been silent.
    pub(crate) fn ticks(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn document(&self) -> Result<Arc<HeldDocument>, Refusal> {
        let held = self.documents.borrow().clone();
        held.ok_or_else(|| {
            Refusal::new(
                wickr_wire::ProblemCode::Busy,
                "the relay has no network document yet; try again soon",
            )
        })
    }

    /// The hub under the document in force.
    pub(crate) fn hub(&self) -> Result<Hub, Refusal> {
        let held = self.document()?;
        if let Some((number, hub)) = &*self.hub.read()
            && *number == held.document.number
        {
            return Ok(hub.clone());
        }
        let network = Network {
            domain: self.domain.clone(),
            suite: suite(held.document.suite)?,
            hub_certificate: held.document.hub_certificate.as_bytes().to_vec(),
            devices: Arc::new(DeviceIssuers {
                domain: self.domain.clone(),
                anchors: held.device_anchors.clone(),
            }),
        };
        let hub = Hub::new(network, &self.external_sender).map_err(|error| {
            tracing::error!(%error, "the external sender does not fit the network document");
            Refusal::internal("judging")
        })?;
        *self.hub.write() = Some((held.document.number, hub.clone()));
        Ok(hub)
    }
}

/// The document's suite as the engine has it.
fn suite(named: wickr_policy::Suite) -> Result<Suite, Refusal> {
    match named {
        wickr_policy::Suite::P256 => Ok(Suite::P256),
        other => {
            tracing::error!(suite = %other, "the network document names a cipher suite that this version does not have");
            Err(Refusal::internal("judging"))
        }
    }
}

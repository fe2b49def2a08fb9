//! What every endpoint of sso is given.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use url::Url;
use wickr_base::{Clock, Domain, Rng, UserId};
use wickr_pki::CertificateDer;
use wickr_policy::ServiceUrl;
use wickr_service::{HeldDocument, Rate};
use wickr_store::directory::{Directory, DirectoryError};

use crate::certificates::{DeviceIssuer, Issuer};
use crate::feed::Feed;
use crate::limits::Buckets;
use crate::metrics::SsoMetrics;
use crate::proof::Proofs;
use crate::provider::{DoorLimits, InService, Look, Settings};
use crate::refused::causes;
use crate::seal::Sealer;
use crate::session_tokens::TokenSigner;
use crate::stripes::Stripes;

/// Most callers that are counted at a time, per kind.
const MOST_CALLERS: usize = 50_000;

/// Who is limited how. Behind a NodePort many people may share one address.
#[derive(Debug)]
pub(crate) struct CallerLimits {
    /// Sign-ins begun, by address.
    pub(crate) begin: Buckets<IpAddr>,
    /// Other requests without a session token, by address.
    pub(crate) anonymous: Buckets<IpAddr>,
    /// Requests with a session token, by person.
    pub(crate) signed: Buckets<UserId>,
    /// Directory lookups, by person: nobody reads the directory by trying names.
    pub(crate) lookups: Buckets<UserId>,
}

impl Default for CallerLimits {
    fn default() -> Self {
        Self {
            begin: Buckets::new(Rate::new(100, 300), MOST_CALLERS),
            anonymous: Buckets::new(Rate::new(1_000, 6_000), MOST_CALLERS),
            signed: Buckets::new(Rate::new(100, 300), MOST_CALLERS),
            lookups: Buckets::new(Rate::new(120, 60), MOST_CALLERS),
        }
    }
}

/// sso itself.
#[derive(Debug)]
pub(crate) struct Sso {
    pub(crate) domain: Domain,
    /// Where the browser comes back to.
    pub(crate) callback: Url,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) sealer: Sealer,
    pub(crate) devices: DeviceIssuer,
    pub(crate) tokens: TokenSigner,
    pub(crate) proofs: Proofs,
    pub(crate) limits: CallerLimits,
    pub(crate) feed: Feed,
    pub(crate) metrics: SsoMetrics,
    pub(crate) door_limits: DoorLimits,
    /// The provider in service.
    pub(crate) provider: RwLock<Option<Arc<InService>>>,
    /// One rehearsal at a time.
    pub(crate) rehearsing: tokio::sync::Mutex<()>,
    /// One poll of a sign-in, one question about a session at a time.
    pub(crate) turns: Stripes,
    /// How the latest test certificate went.
    pub(crate) certificate: Mutex<Look>,
    /// How the latest write to the directory went.
    pub(crate) store: Mutex<Look>,
    documents: watch::Receiver<Option<Arc<HeldDocument>>>,
}

/// What sso is made of.
pub(crate) struct Parts {
    pub(crate) domain: Domain,
    pub(crate) public_url: ServiceUrl,
    pub(crate) callback: Url,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) sealer: Sealer,
    pub(crate) device_issuer: Issuer,
    pub(crate) metrics: SsoMetrics,
    pub(crate) documents: watch::Receiver<Option<Arc<HeldDocument>>>,
    pub(crate) door_limits: DoorLimits,
}

impl Sso {
    /// Puts the parts together and takes up the provider that was in service.
    pub(crate) async fn new(parts: Parts) -> Result<Self, DirectoryError> {
        let mut work = parts.directory.read().await?;
        let head = work.changes().head().await?;
        let active = work.providers().active().await?;
        drop(work);
        let provider = active.and_then(|record| {
            let since = record.adopted_at;
            let opened =
                Settings::open(&record, &parts.sealer).map_err(|error| causes(&error)).and_then(|settings| {
                    InService::reopened(settings, since, parts.door_limits).map_err(|error| causes(&error))
                });
            // Not fatal: the operator rehearses it anew, and that mends it.
            opened.inspect_err(|why| tracing::error!(why, "the provider in the store can't be used")).ok()
        });
        Ok(Self {
            devices: DeviceIssuer::new(parts.domain.clone(), parts.device_issuer.clone()),
            tokens: TokenSigner::new(parts.domain.clone(), parts.device_issuer),
            proofs: Proofs::new(parts.public_url),
            domain: parts.domain,
            callback: parts.callback,
            clock: parts.clock,
            rng: parts.rng,
            directory: parts.directory,
            sealer: parts.sealer,
            limits: CallerLimits::default(),
            feed: Feed::at(head),
            metrics: parts.metrics,
            door_limits: parts.door_limits,
            provider: RwLock::new(provider.map(Arc::new)),
            rehearsing: tokio::sync::Mutex::default(),
            turns: Stripes::default(),
            certificate: Mutex::default(),
            store: Mutex::default(),
            documents: parts.documents,
        })
    }

    /// The provider in service.
    pub(crate) fn active(&self) -> Option<Arc<InService>> {
        self.provider.read().clone()
    }

    /// Who may have signed a session token or a device certificate: what the network document says, and we.
    pub(crate) fn anchors(&self) -> Vec<CertificateDer<'static>> {
        let own = self.devices.anchor();
        let mut anchors = self.published_anchors().unwrap_or_default();
        if !anchors.contains(&own) {
            anchors.push(own);
        }
        anchors
    }

    /// Device anchors of the network document, once there is one.
    pub(crate) fn published_anchors(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.documents.borrow().as_ref().map(|held| held.device_anchors.clone())
    }
}

//! The relay's life: read the secrets, open the store, bind, run, drain, close.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use parking_lot::RwLock;
use tokio::net::UnixListener;
use wickr_base::{Clock, Rng, Secret};
use wickr_e2ee::{Identity, InvalidIdentity};
use wickr_pki::{KeyMaterial, PkiError};
use wickr_service::{
    Addresses, Background, Bound, Drained, Gate, Routes, Service, ServiceError, Shutdown, status_fn,
};
use wickr_store::queue::{QueueStore, Sink, StoreError};
use wickr_telemetry::{Metrics, MetricsError};

use crate::acknowledge::Acknowledged;
use crate::canary::CanaryState;
use crate::changes::Following;
use crate::config::RelayConfig;
use crate::fanout::Fanout;
use crate::feed::{ChangeFeed, SsoFeed};
use crate::limits::Limits;
use crate::live::Live;
use crate::meters::Meters;
use crate::relay::Relay;
use crate::removal::Removals;
use crate::rooms::Rooms;
use crate::status::Figures;
use crate::ticket::Ticket;
use crate::{canary, changes, connect, control, expiry, removal, status, sweep, trimming};

/// What an engine is given to open the queue store with.
pub struct Opening {
    /// The data directory.
    pub data: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for the incarnation.
    pub rng: Arc<dyn Rng>,
    /// Whom to tell what is durable.
    pub sink: Box<dyn Sink<Ticket>>,
}

/// Why an engine can't open the store.
pub type OpenFailed = Box<dyn std::error::Error + Send + Sync>;

/// Opens the queue store: the engine is chosen by who starts the relay.
pub type OpenStore = Box<dyn FnOnce(Opening) -> Result<Arc<dyn QueueStore<Ticket>>, OpenFailed> + Send>;

/// What a start needs besides the configuration: everything that differs between the binary and a test.
pub struct Surroundings {
    /// The store's engine.
    pub store: OpenStore,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for challenges and ids.
    pub rng: Arc<dyn Rng>,
    /// Where numbers go.
    pub metrics: Metrics,
    /// Where revocations are heard of; `None` for the sso that the configuration names.
    pub feed: Option<Arc<dyn ChangeFeed>>,
}

/// Why the relay can't begin.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A secret's file.
    #[error("reading \"{path}\"")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The external sender's files.
    #[error("using the external sender in \"{path}\"")]
    ExternalSender {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: PkiError,
    },
    /// The external sender's certificate.
    #[error("using the external sender's certificate")]
    Identity(#[from] InvalidIdentity),
    /// The store.
    #[error("opening the relay's store in \"{data}\"")]
    Open {
        /// The data directory.
        data: PathBuf,
        /// Why not.
        source: OpenFailed,
    },
    /// The store's content.
    #[error("reading the store")]
    Store(#[from] StoreError),
    /// The control socket.
    #[error("opening the control socket in \"{data}\"")]
    Control {
        /// The data directory.
        data: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics.
    #[error("declaring the relay's metrics")]
    Metrics(#[from] MetricsError),
    /// Files, document or ports.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// The relay with its ports open.
pub struct BoundRelay {
    relay: Arc<Relay>,
    feed: Arc<dyn ChangeFeed>,
    control: UnixListener,
    gate: Gate,
    shutdown: Shutdown,
    background: Background,
    bound: Bound,
}

/// Reads what the configuration names, opens the store and the ports.
pub async fn bind(config: &RelayConfig, surroundings: Surroundings) -> Result<BoundRelay, RelayError> {
    bind_as(config, surroundings, |_| {}).await
}

/// The same without TLS on the public port, to measure what a connection costs without it.
#[cfg(feature = "testing")]
pub async fn bind_plain(config: &RelayConfig, surroundings: Surroundings) -> Result<BoundRelay, RelayError> {
    bind_as(config, surroundings, Service::leave_public_plain).await
}

async fn bind_as(
    config: &RelayConfig,
    surroundings: Surroundings,
    adjust: impl FnOnce(&mut Service),
) -> Result<BoundRelay, RelayError> {
    let Surroundings { store, clock, rng, metrics, feed } = surroundings;
    let external_sender = external_sender(config)?;
    let mut service = Service::open(config, "relay", &[], Arc::clone(&clock), metrics.clone())?;
    adjust(&mut service);
    let gate = service.gates().gate("store");
    let feed = match feed {
        Some(feed) => feed,
        None => Arc::new(SsoFeed::new(config.service.sso.clone(), service.workload_client(&["sso"])?)),
    };
    let (live, meters) = (Arc::new(Live::default()), Meters::declare(&metrics)?);
    let sink = Fanout::new(Arc::clone(&live), meters.clone(), Arc::clone(&clock));
    let data = config.data.clone();
    let opening = Opening {
        data: data.clone(),
        clock: Arc::clone(&clock),
        rng: Arc::clone(&rng),
        sink: Box::new(sink),
    };
    let store = store(opening).map_err(|source| RelayError::Open { data, source })?;
    for device in store.revoked().await? {
        live.revoke(device);
    }
    let control = control::open(&config.data)
        .map_err(|source| RelayError::Control { data: config.data.clone(), source })?;
    let relay = Arc::new(Relay {
        domain: config.domain.clone(),
        clock,
        rng,
        store,
        live,
        rooms: Rooms::default(),
        limits: Limits::new(config.service.limits),
        meters,
        documents: service.documents().watch(),
        acknowledged: Acknowledged::default(),
        following: Following::default(),
        canary: CanaryState::default(),
        figures: Figures::default(),
        removals: Removals::default(),
        external_sender,
        hub: RwLock::new(None),
    });
    let (shutdown, background) = (service.shutdown().clone(), service.background().clone());
    let bound = service.bind().await?;
    Ok(BoundRelay { relay, feed, control, gate, shutdown, background, bound })
}

impl BoundRelay {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.bound.addresses()
    }

    /// The two stages of stopping it.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Answers until told to stop, or until one of its tasks is gone; what was handed to the store is durable when it
    /// returns.
    pub async fn run(self) -> Drained {
        let Self { relay, feed, control, gate, shutdown, background, bound } = self;
        background.spawn("following changes", changes::follow(Arc::clone(&relay), feed));
        background.spawn("proposing removals", removal::propose(Arc::clone(&relay)));
        background.spawn("the canary", canary::sing(Arc::clone(&relay), gate));
        background.spawn("removing what has expired", expiry::purge(Arc::clone(&relay)));
        background.spawn("trimming logs", trimming::trim(Arc::clone(&relay)));
        background.spawn("looking after connections", sweep::sweep(Arc::clone(&relay), shutdown.clone()));
        background.spawn("telling of the drain", sweep::drain(Arc::clone(&relay), shutdown.clone()));
        background.spawn("telling of documents", sweep::announce(Arc::clone(&relay)));
        background.spawn("writing acknowledgements", sweep::acknowledge(Arc::clone(&relay)));
        background.spawn("measuring", status::measure(Arc::clone(&relay)));
        background.spawn("the control socket", control::serve(Arc::clone(&relay), control));
        let for_status = Arc::clone(&relay);
        let routes = Routes {
            public: connect::routes(Arc::clone(&relay), shutdown),
            admin: Router::new(),
            status: status_fn(move || status::status(Arc::clone(&for_status))),
        };
        let drained = bound.run(routes).await;
        background.end().await;
        relay.write_acknowledged();
        // Dropping the store waits for its writer.
        let _ = tokio::task::spawn_blocking(move || drop(relay)).await;
        drained
    }
}

fn external_sender(config: &RelayConfig) -> Result<Identity, RelayError> {
    let files = &config.service.external_sender;
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| RelayError::Read { path: path.clone(), source })
    };
    let (certificate, key) = (read(&files.certificate)?, Secret::new(read(&files.key)?));
    let material = KeyMaterial::from_pem(&certificate, key.expose())
        .map_err(|source| RelayError::ExternalSender { path: files.certificate.clone(), source })?;
    Ok(Identity::new(material.certificate.to_vec(), &material.key)?)
}

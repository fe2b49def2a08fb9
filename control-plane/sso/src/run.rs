//! sso's life: read the secrets, open the store, bind, run, close.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;
use wickr_base::{Clock, Rng, Secret};
use wickr_service::{
    Addresses, Background, Bound, Drained, Gate, Routes, Service, ServiceError, Shutdown, status_fn,
};
use wickr_store::directory::{Directory, DirectoryError};
use wickr_telemetry::{Metrics, MetricsError};

use crate::admin::GRANTS;
use crate::config::SsoConfig;
use crate::metrics::SsoMetrics;
use crate::provider::DoorLimits;
use crate::seal::{SealError, Sealer};
use crate::state::{Parts, Sso};
use crate::{admin, background, public};

/// What a start needs besides the configuration: everything that differs between the binary and a test.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids, nonces and serial numbers.
    pub rng: Arc<dyn Rng>,
    /// Where numbers go.
    pub metrics: Metrics,
    /// The opened directory; `wickr-store-sql` in `data`.
    pub directory: Arc<dyn Directory>,
    /// How much a provider may take of us.
    pub provider_limits: DoorLimits,
}

/// Why sso can't begin.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// A secret's file.
    #[error("reading \"{path}\"")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The seal key.
    #[error("using the seal key in \"{path}\"")]
    SealKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// The public address.
    #[error("\"sso.public_url\": \"{url}\" is not a URL")]
    PublicUrl {
        /// As written.
        url: String,
        /// Why.
        source: url::ParseError,
    },
    /// The directory.
    #[error("reading the directory")]
    Directory(#[from] DirectoryError),
    /// The metrics.
    #[error("declaring sso's metrics")]
    Metrics(#[from] MetricsError),
    /// Files, document or ports.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// sso with its ports open.
pub struct BoundSso {
    sso: Arc<Sso>,
    store: Gate,
    background: Background,
    shutdown: Shutdown,
    bound: Bound,
}

/// Reads what the configuration names and opens the ports.
pub async fn bind(config: &SsoConfig, surroundings: Surroundings) -> Result<BoundSso, SsoError> {
    let Surroundings { clock, rng, metrics, directory, provider_limits } = surroundings;
    let section = &config.service;
    let seal_key = Secret::new(read(&section.seal_key)?);
    let sealer = Sealer::new(&seal_key)
        .map_err(|source| SsoError::SealKey { path: section.seal_key.clone(), source })?;
    let callback = section.public_url.https(public::CALLBACK);
    let callback = Url::parse(&callback).map_err(|source| SsoError::PublicUrl { url: callback, source })?;
    let mut service = Service::open(config, "sso", GRANTS, Arc::clone(&clock), metrics.clone())?;
    let device_issuer = service.key("device-issuer", &section.device_issuer)?;
    let store = service.gates().gate("store");
    let sso = Sso::new(Parts {
        domain: config.domain.clone(),
        public_url: section.public_url.clone(),
        callback,
        clock,
        rng,
        directory,
        sealer,
        device_issuer: device_issuer.watch(),
        metrics: SsoMetrics::declare(&metrics)?,
        documents: service.documents().watch(),
        door_limits: provider_limits,
    })
    .await?;
    store.open();
    let (shutdown, background) = (service.shutdown().clone(), service.background().clone());
    let bound = service.bind().await?;
    Ok(BoundSso { sso: Arc::new(sso), store, background, shutdown, bound })
}

impl BoundSso {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.bound.addresses()
    }

    /// The two stages of stopping it.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Answers until told to stop.
    pub async fn run(self) -> Drained {
        let Self { sso, store, background, bound, .. } = self;
        background.spawn("sso's own work", background::run(Arc::clone(&sso), store));
        let routes = Routes {
            public: public::routes(Arc::clone(&sso)),
            admin: admin::routes(Arc::clone(&sso)),
            status: status_fn(move || admin::status(Arc::clone(&sso))),
        };
        let drained = bound.run(routes).await;
        background.end().await;
        drained
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SsoError> {
    std::fs::read(path).map_err(|source| SsoError::Read { path: path.to_owned(), source })
}

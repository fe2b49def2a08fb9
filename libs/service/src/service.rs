//! A service's life: open, bind, run, drain, close.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus::IntGaugeVec;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;
use wickr_base::{Clock, Domain, SpiffeId};
use wickr_pki::KeyMaterial;
use wickr_telemetry::{Metrics, MetricsError, Unit};

use crate::accept::{Meters, Port, accept};
use crate::limits::{RequestMeters, guard};
use crate::ports::listen;
use crate::reload::Poll;
use crate::shown::Shown;
use crate::sides::{admin_side, client_side, key_material, public_side, workload_paths};
use crate::{
    Background, Config, DocumentError, DocumentHolder, FilesError, Gate, Gates, Grant, KeyFiles, Limits,
    Listen, Reloading, Shutdown, StatusFn, WorkloadFiles, admin, plain,
};

/// How often files are looked at, at most 10 s after a change.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long after the deadline tasks get to notice it.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// A service that has read its files and is about to listen.
pub struct Service {
    name: &'static str,
    domain: Domain,
    listen: Listen,
    drain: Duration,
    workload: WorkloadFiles,
    grants: &'static [Grant],
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    gates: Gates,
    listening: Gate,
    shutdown: Shutdown,
    background: Background,
    documents: DocumentHolder,
    public: Arc<Reloading<ServerConfig>>,
    /// Whether the public port speaks TLS; anything else is for measuring alone.
    public_tls: bool,
    admin: Arc<Reloading<ServerConfig>>,
    polled: Vec<Arc<dyn Poll>>,
    expires: IntGaugeVec,
    connections: Meters,
    requests: RequestMeters,
    public_limits: Limits,
    admin_limits: Limits,
    look_every: Duration,
}

/// What a service answers with.
pub struct Routes {
    /// On the public port, beside the network document.
    pub public: Router,
    /// On the admin port, beside status and document; each needs a line in the service's grants.
    pub admin: Router,
    /// The service's own part of `/status`.
    pub status: StatusFn,
}

/// Where it listens, ports chosen by the system included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Clients.
    pub public: SocketAddr,
    /// Operator and services.
    pub admin: SocketAddr,
    /// Probes and metrics.
    pub metrics: SocketAddr,
}

/// A service with its ports open.
pub struct Bound {
    service: Service,
    public: TcpListener,
    admin: TcpListener,
    metrics: TcpListener,
    addresses: Addresses,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that still ran at the deadline and were cut.
    pub cut: usize,
    /// The background task whose end was the reason, if nobody asked for it: the process should end with a failure.
    pub failed: Option<&'static str>,
}

/// Why a service can't begin.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its certificates.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Its network document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Its metrics.
    #[error("declaring the service's metrics")]
    Metrics(#[from] MetricsError),
    /// A port.
    #[error("listening on {address} ({port})")]
    Listen {
        /// Which of the three.
        port: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl Service {
    /// Reads certificates and network document. `grants` says who may do what on the admin port beside what
    /// every service grants.
    pub fn open<S>(
        config: &Config<S>,
        name: &'static str,
        grants: &'static [Grant],
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, ServiceError> {
        let gates = Gates::default();
        let help = "When the certificate in use expires, by purpose.";
        let expires = metrics.gauges("certificate_expires", Unit::Timestamp, help, &["purpose"])?;
        let files = &config.tls.public;
        let public = Reloading::load(
            "public",
            vec![files.certificate.clone(), files.key.clone()],
            gates.gate("public-certificate"),
            Some(expires.with_label_values(&["public"])),
            {
                let clock = Arc::clone(&clock);
                move |contents| public_side(contents, Arc::clone(&clock))
            },
        )?;
        let allowed: Vec<_> =
            admin::roles(grants).into_iter().map(|role| SpiffeId::new(config.domain.clone(), role)).collect();
        let admin = Reloading::load(
            "workload",
            workload_paths(&config.tls.workload),
            gates.gate("workload-certificate"),
            Some(expires.with_label_values(&["workload"])),
            {
                let clock = Arc::clone(&clock);
                move |contents| admin_side(contents, &allowed, Arc::clone(&clock))
            },
        )?;
        let documents = DocumentHolder::open(
            config.domain.clone(),
            (&config.document, &config.root, &config.data),
            Arc::clone(&clock),
            gates.gate("document"),
            &metrics,
        )?;
        let listening = gates.gate("listeners");
        let shutdown = Shutdown::default();
        let polled: Vec<Arc<dyn Poll>> = vec![public.clone(), admin.clone()];
        Ok(Self {
            name,
            domain: config.domain.clone(),
            listen: config.listen,
            drain: config.drain.get(),
            workload: config.tls.workload.clone(),
            grants,
            connections: Meters::declare(&metrics)?,
            requests: RequestMeters::declare(&metrics)?,
            clock,
            metrics,
            gates,
            listening,
            background: Background::new(shutdown.clone()),
            shutdown,
            documents,
            public,
            public_tls: true,
            admin,
            polled,
            expires,
            public_limits: Limits::PUBLIC,
            admin_limits: Limits::ADMIN,
            look_every: LOOK_EVERY,
        })
    }

    /// The gates, for a service's own (its store, say).
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// The document in force.
    pub fn documents(&self) -> &DocumentHolder {
        &self.documents
    }

    /// The two stages of stopping.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// For what the service does beside answering.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// The clock it was given.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The registry it was given.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Other limits on the public port (`Limits::PUBLIC`).
    pub fn limit_public(&mut self, limits: Limits) {
        self.public_limits = limits;
    }

    /// Other limits on the admin port (`Limits::ADMIN`).
    pub fn limit_admin(&mut self, limits: Limits) {
        self.admin_limits = limits;
    }

    /// No TLS on the public port, to measure what a connection costs without it.
    #[cfg(feature = "testing")]
    pub fn leave_public_plain(&mut self) {
        self.public_tls = false;
    }

    /// Another interval between looks at the files (5 s).
    pub fn look_every(&mut self, interval: Duration) {
        self.look_every = interval;
    }

    /// For calling the admin port of another service: shows our workload certificate, expects one of `roles`
    /// of our network, speaks HTTP/2 or 1.1, and follows our files when they change.
    pub fn workload_client(&mut self, roles: &[&str]) -> Result<Arc<Reloading<ClientConfig>>, ServiceError> {
        let allowed: Vec<_> = roles.iter().map(|role| SpiffeId::new(self.domain.clone(), role)).collect();
        let clock = Arc::clone(&self.clock);
        let client = Reloading::load(
            "workload",
            workload_paths(&self.workload),
            self.gates.gate("workload-client"),
            None,
            move |contents| client_side(contents, &allowed, Arc::clone(&clock)),
        )?;
        self.polled.push(client.clone());
        Ok(client)
    }

    /// A key of the service's own with its certificate, read again when its files change.
    pub fn key(
        &mut self,
        name: &'static str,
        files: &KeyFiles,
    ) -> Result<Arc<Reloading<KeyMaterial>>, ServiceError> {
        let key = Reloading::load(
            name,
            vec![files.certificate.clone(), files.key.clone()],
            self.gates.gate(name),
            Some(self.expires.with_label_values(&[name])),
            key_material,
        )?;
        self.polled.push(key.clone());
        Ok(key)
    }

    /// Opens the three ports.
    pub async fn bind(self) -> Result<Bound, ServiceError> {
        let open = async |port, address| {
            listen(address).await.map_err(|source| ServiceError::Listen { port, address, source })
        };
        let (public, public_at) = open("public", self.listen.public).await?;
        let (admin, admin_at) = open("admin", self.listen.admin).await?;
        let (metrics, metrics_at) = open("metrics", self.listen.metrics).await?;
        let addresses = Addresses { public: public_at, admin: admin_at, metrics: metrics_at };
        tracing::info!(service = self.name, ?addresses, "listening");
        Ok(Bound { service: self, public, admin, metrics, addresses })
    }
}

impl Bound {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Answers until told to stop, or until a background task is gone; then takes nothing new on the public port, lets
    /// running work finish until the deadline, and closes. The other two ports answer until the end. The service's own
    /// background tasks are ended by whoever started them.
    pub async fn run(self, routes: Routes) -> Drained {
        let Self { service, public, admin, metrics, .. } = self;
        let (draining, closed) = service.shutdown.tokens();
        let around = |routes, port, limits| {
            guard(routes, port, limits, service.requests.clone(), Arc::clone(&service.clock))
        };
        let (clients, others) = (TaskTracker::new(), TaskTracker::new());
        let port = |name, tcp, tls, app, limits, tracker: &TaskTracker| Port {
            name,
            tcp,
            tls,
            app: around(app, name, limits),
            limits,
            meters: service.connections.clone(),
            tracker: tracker.clone(),
        };
        let for_admin = admin::routes(
            routes.admin,
            service.grants,
            service.documents.clone(),
            service.gates.clone(),
            Shown { public: Arc::clone(&service.public), admin: Arc::clone(&service.admin) },
            routes.status,
        );
        let for_public = routes.public.merge(service.documents.well_known());
        let for_probes = plain::routes(service.gates.clone(), service.metrics.clone());
        let tls = |side: &Reloading<ServerConfig>| -> Option<watch::Receiver<Arc<ServerConfig>>> {
            Some(side.watch())
        };
        let limits = service.public_limits;
        let for_clients = service.public_tls.then(|| tls(&service.public)).flatten();
        let public = port("public", public, for_clients, for_public, limits, &clients);
        let limits = service.admin_limits;
        let admin = port("admin", admin, tls(&service.admin), for_admin, limits, &others);
        let metrics = port("metrics", metrics, None, for_probes, Limits::METRICS, &others);
        let background = &service.background;
        // The other end of this is dropped with the public socket.
        let (held, socket_gone) = oneshot::channel::<()>();
        let taking = accept(public, draining.clone(), closed.clone());
        background.spawn("the public port", async move {
            taking.await;
            drop(held);
        });
        background.spawn("the admin port", accept(admin, closed.clone(), closed.clone()));
        background.spawn("the metrics port", accept(metrics, closed.clone(), closed.clone()));
        let looking = look(service.polled, service.documents.clone(), service.look_every, closed.clone());
        background.spawn("looking at files", looking);
        service.listening.open();

        draining.cancelled().await;
        service.listening.close("the service is shutting down");
        tracing::info!(service = service.name, "draining");
        // The loop ends at once and drops its socket: from here on nobody new gets in.
        let _ = socket_gone.await;
        clients.close();
        let finished = tokio::select! {
            done = tokio::time::timeout(service.drain, clients.wait()) => done.is_ok(),
            () = closed.cancelled() => false,
        };
        let cut = if finished { 0 } else { clients.len() };
        service.shutdown.close();
        others.close();
        let _ = tokio::time::timeout(LAST_MOMENT, async {
            clients.wait().await;
            others.wait().await;
        })
        .await;
        let failed = service.background.failed();
        tracing::info!(service = service.name, cut, failed, "closed");
        Drained { cut, failed }
    }
}

/// Looks at files and the document's age until all is closed.
async fn look(
    polled: Vec<Arc<dyn Poll>>,
    documents: DocumentHolder,
    every: Duration,
    closed: tokio_util::sync::CancellationToken,
) {
    let mut tick = tokio::time::interval(every);
    let polled = Arc::new(polled);
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            _ = tick.tick() => {}
        }
        let all = Arc::clone(&polled);
        let looked = tokio::task::spawn_blocking(move || {
            // The sides that `/status` tells of come last: what they show, our own calls have loaded too.
            for one in all.iter().rev() {
                one.poll();
            }
        });
        if looked.await.is_err() {
            tracing::error!("looking at the certificate files failed");
        }
        documents.judge();
    }
}

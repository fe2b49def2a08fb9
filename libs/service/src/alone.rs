//! One TLS port by itself, for a program that isn't a whole service (the three ports of one: `service`).

use std::sync::Arc;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use wickr_telemetry::{Metrics, MetricsError};

use crate::accept::{Meters, Port, accept};
use crate::{Limits, Shutdown};

/// One port and what answers there; of the limits, those of connections count.
#[derive(Debug)]
pub struct TlsPort {
    /// As it stands in metrics.
    pub name: &'static str,
    /// Where it listens.
    pub tcp: TcpListener,
    /// What new connections are shown; those that stand go on as they began.
    pub tls: watch::Receiver<Arc<ServerConfig>>,
    /// What answers.
    pub routes: Router,
    /// How much it takes on.
    pub limits: Limits,
    meters: Meters,
}

impl TlsPort {
    /// Declares the port's numbers in `metrics`; nothing is answered yet.
    pub fn new(
        name: &'static str,
        (tcp, tls): (TcpListener, watch::Receiver<Arc<ServerConfig>>),
        routes: Router,
        limits: Limits,
        metrics: &Metrics,
    ) -> Result<Self, MetricsError> {
        Ok(Self { name, tcp, tls, routes, limits, meters: Meters::declare(metrics)? })
    }

    /// Answers until draining begins, lets running requests finish, and ends when all is closed.
    pub async fn serve(self, shutdown: &Shutdown) {
        let Self { name, tcp, tls, routes, limits, meters } = self;
        let tracker = TaskTracker::new();
        let (draining, closed) = shutdown.tokens();
        let port = Port { name, tcp, tls: Some(tls), app: routes, limits, meters, tracker: tracker.clone() };
        accept(port, draining, closed.clone()).await;
        tracker.close();
        tokio::select! {
            () = tracker.wait() => {}
            () = closed.cancelled() => {}
        }
    }
}

//! Serves the webhook once it has a certificate, and looks after the certificate from then on.

use std::sync::Arc;
use std::time::Duration;

use kube::{Client, ResourceExt as _};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use wickr_base::{Clock, Rng};
use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_kube::{Cache, Key, Requests, View};
use wickr_operator_webhook::certificate::end;
use wickr_operator_webhook::{Neighbours, Reviewer, WebhookMetrics, routes};
use wickr_pki::KeyMaterial;
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1, Identity, server_config};
use wickr_service::{Limits, Shutdown, TlsPort};
use wickr_telemetry::Metrics;

use super::{KeepError, Keeper, Settings};
use crate::network::neighbours;

/// How often certificate and configuration are looked at: another replica may have changed them.
pub const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How soon after a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// What a webhook is made of.
pub struct Parts {
    /// For its Secret and its configuration.
    pub client: Client,
    /// Where it listens, and the objects that it is found by.
    pub settings: Settings,
    /// What the watches have shown.
    pub cache: Cache,
    /// How often certificate and configuration are looked at.
    pub look_every: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Reviews and certificate.
    pub metrics: WebhookMetrics,
    /// Requests to the API server.
    pub requests: Requests,
    /// For the port's own numbers.
    pub telemetry: Metrics,
}

/// Runs until `shutdown`. Whatever fails is logged, counted and tried again.
pub async fn run(parts: Parts, shutdown: Shutdown) {
    let stop = shutdown.closed();
    tokio::select! {
        () = stop => {}
        () = run_on(parts, &shutdown) => {}
    }
}

async fn run_on(parts: Parts, shutdown: &Shutdown) {
    let Parts { client, settings, cache, look_every, clock, rng, metrics, requests, telemetry } = parts;
    let keeper = Keeper::new(&client, &settings, clock.clone(), rng, requests);
    let look = async || -> Result<(KeyMaterial, Arc<ServerConfig>), KeepError> {
        let kept = keeper.look().await?;
        let failed = |source| KeepError::Serve { host: settings.host.clone(), source };
        metrics.expires.set(end(&kept.current).map_err(failed)?.seconds());
        let identity = Identity::from_material(&kept.current);
        let side = server_config(&identity, None, &[ALPN_H2, ALPN_HTTP1], clock.clone()).map_err(failed)?;
        Ok((kept.current, side))
    };
    let begin = async {
        let first = loop {
            match look().await {
                Ok(first) => break first,
                Err(error) => fail(&metrics, &error).await,
            }
        };
        let tcp = loop {
            match TcpListener::bind(settings.listen).await {
                Ok(tcp) => break tcp,
                Err(error) => {
                    tracing::warn!(listen = %settings.listen, "listening for reviews failed");
                    fail(&metrics, &error).await;
                }
            }
        };
        (first, tcp)
    };
    let ((mut served, first), tcp) = tokio::select! {
        begun = begin => begun,
        () = shutdown.draining() => return,
    };
    let (sender, receiver) = watch::channel(first);
    let reviewer =
        Reviewer { neighbours: known(client, cache), clock: clock.clone(), metrics: metrics.clone() };
    let port =
        TlsPort::new("webhook", (tcp, receiver), routes(Arc::new(reviewer)), Limits::ADMIN, &telemetry);
    let port = match port {
        Ok(port) => port,
        Err(error) => return tracing::error!(%error, "the webhook's numbers can't be declared: it is off"),
    };
    tracing::info!(listen = %settings.listen, host = settings.host, "the webhook answers");
    let looking = async {
        loop {
            tokio::time::sleep(look_every).await;
            match look().await {
                Ok((current, side)) if current.certificate != served.certificate => {
                    sender.send_replace(side);
                    served = current;
                    tracing::info!("the webhook serves another certificate");
                }
                Ok(_) => {}
                Err(error) => fail(&metrics, &error).await,
            }
        }
    };
    tokio::select! {
        () = port.serve(shutdown) => {}
        () = looking => {}
    }
}

/// Says so, and waits a little.
async fn fail(metrics: &WebhookMetrics, error: &(dyn std::error::Error + Send + Sync)) {
    metrics.failures.inc();
    tracing::warn!(%error, "the webhook can't be kept; the controllers go on and refuse by themselves");
    tokio::time::sleep(AGAIN).await;
}

/// From the caches alone: a review waits for nobody. Until they are filled nobody is in the way.
fn known(client: Client, cache: Cache) -> Box<Neighbours> {
    let view = View::new(client, cache);
    Box::new(move |network: &WickrNetwork| {
        let key = Key::new(network.namespace().unwrap_or_default(), network.name_any());
        neighbours(&view, network, &key).unwrap_or_default()
    })
}

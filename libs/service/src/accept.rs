//! The accept loop of one port: a cap on connections, on those of one address (`strangers`) and on handshakes, and a
//! time limit on each handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use prometheus::{IntCounterVec, IntGaugeVec};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wickr_pki::tls::{ALPN_H2, peer_workload};
use wickr_telemetry::{Metrics, MetricsError, Unit};

use crate::connection::{Held, HeldSocket, speak};
use crate::strangers::Strangers;
use crate::{Limits, Peer};

/// Numbers of all ports of a service.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    open: IntGaugeVec,
    accepted: IntCounterVec,
    turned_away: IntCounterVec,
}

impl Meters {
    pub(crate) fn declare(metrics: &Metrics) -> Result<Self, MetricsError> {
        Ok(Self {
            open: metrics.gauges("connections", Unit::Count, "Open connections, by port.", &["port"])?,
            accepted: metrics.counters(
                "connections",
                Unit::Count,
                "Connections taken, by port.",
                &["port"],
            )?,
            turned_away: metrics.counters(
                "connections_turned_away",
                Unit::Count,
                "Connections that ended before their first request, by port and reason.",
                &["port", "reason"],
            )?,
        })
    }

    fn turn_away(&self, port: &str, reason: &str) {
        self.turned_away.with_label_values(&[port, reason]).inc();
    }
}

/// One port and what answers there.
pub(crate) struct Port {
    pub(crate) name: &'static str,
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    pub(crate) app: Router,
    pub(crate) limits: Limits,
    pub(crate) meters: Meters,
    /// Every connection is tracked here until its socket is gone.
    pub(crate) tracker: TaskTracker,
}

/// Takes connections until draining begins.
pub(crate) async fn accept(port: Port, draining: CancellationToken, closed: CancellationToken) {
    let places = Arc::new(Semaphore::new(port.limits.connections));
    let handshakes = Arc::new(Semaphore::new(port.limits.handshakes));
    let strangers = Strangers::new(port.limits.strangers);
    let open = port.meters.open.with_label_values(&[port.name]);
    loop {
        let accepted = tokio::select! {
            biased;
            () = draining.cancelled() => return,
            accepted = port.tcp.accept() => accepted,
        };
        let (socket, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The other side gave up, or we are out of files; the latter needs a moment.
                tracing::warn!(port = port.name, %error, "no connection could be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // On `[::]` an IPv4 client comes as ::ffff:a.b.c.d; nobody should see two spellings of one address.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            port.meters.turn_away(port.name, "full");
            continue;
        };
        let Some(stranger) = strangers.take_in(address.ip()) else {
            port.meters.turn_away(port.name, "address");
            continue;
        };
        open.inc();
        port.meters.accepted.with_label_values(&[port.name]).inc();
        let held = Held {
            _place: place,
            _tracked: port.tracker.token(),
            _stranger: stranger.clone(),
            gauge: open.clone(),
        };
        let _ = socket.set_nodelay(true);
        let (name, app, limits, meters) = (port.name, port.app.clone(), port.limits, port.meters.clone());
        let (draining, closed) = (draining.clone(), closed.clone());
        let tls = port.tls.as_ref().map(|current| TlsAcceptor::from(current.borrow().clone()));
        let handshakes = Arc::clone(&handshakes);
        tokio::spawn(async move {
            let Some(tls) = tls else {
                let app = app.layer(Extension(Peer { address, workload: None })).layer(Extension(stranger));
                let socket = HeldSocket::new(socket, held, limits.header_time);
                return speak(socket, false, app, limits, (draining, closed)).await;
            };
            let socket = tokio::select! {
                () = closed.cancelled() => return,
                shaken = shake(tls, socket, &handshakes, limits.handshake_time) => match shaken {
                    Ok(socket) => socket,
                    Err((reason, error)) => {
                        tracing::debug!(port = name, reason, %error, "no handshake");
                        return meters.turn_away(name, reason);
                    }
                },
            };
            let state = socket.get_ref().1;
            let http2 = state.alpn_protocol() == Some(ALPN_H2);
            let workload = peer_workload(state.peer_certificates());
            let app = app.layer(Extension(Peer { address, workload })).layer(Extension(stranger));
            speak(HeldSocket::new(socket, held, limits.header_time), http2, app, limits, (draining, closed))
                .await;
        });
    }
}

/// The time limit covers waiting for a turn as well, so that slow handshakes can't queue up others for long.
async fn shake(
    tls: TlsAcceptor,
    socket: TcpStream,
    turns: &Semaphore,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, (&'static str, io::Error)> {
    let shaking = async {
        let _turn = turns.acquire().await.map_err(io::Error::other)?;
        tls.accept(socket).await
    };
    match tokio::time::timeout(limit, shaking).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) => Err(("handshake", error)),
        Err(late) => Err(("late", late.into())),
    }
}

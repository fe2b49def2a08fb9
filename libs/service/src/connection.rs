//! One connection: handshake, HTTP by what ALPN chose, and a hold that lasts as long as the socket.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use wickr_base::SpiffeId;

use crate::{Limits, Stranger};

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The socket's other end.
    pub address: SocketAddr,
    /// The workload that the handshake has proved; on the admin port always there.
    pub workload: Option<SpiffeId>,
}

/// A place among the connections; given back when the socket is gone, upgraded to a WebSocket or not.
pub(crate) struct Held {
    pub(crate) _place: OwnedSemaphorePermit,
    pub(crate) _tracked: TaskTrackerToken,
    pub(crate) _stranger: Stranger,
    pub(crate) gauge: IntGauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// A socket that holds its place, and fails when its first byte is too long in coming.
pub(crate) struct HeldSocket<S> {
    socket: S,
    _held: Held,
    first: Option<Pin<Box<Sleep>>>,
}

impl<S> HeldSocket<S> {
    pub(crate) fn new(socket: S, held: Held, first_byte: Duration) -> Self {
        let first = Some(Box::pin(tokio::time::sleep(first_byte)));
        Self { socket, _held: held, first }
    }
}

/// Speaks HTTP until the other side is done, or the drain has let the running request finish, or all is closed.
/// The version is what ALPN chose: guessing it from the first bytes has no time limit.
pub(crate) async fn speak<S>(
    socket: HeldSocket<S>,
    http2: bool,
    app: Router,
    limits: Limits,
    stages: (CancellationToken, CancellationToken),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = TokioIo::new(socket);
    let ended = if http2 {
        // HTTP/2 has no limit of its own: its pings keep a connection alive on which nothing is ever asked.
        let running = watch::Sender::new(0_usize);
        let idle = idle(running.subscribe(), limits.header_time);
        let service = service_fn(move |request| {
            let turn = Turn::begin(&running);
            let answer = TowerToHyperService::new(app.clone()).call(request);
            async move {
                let answered = answer.await;
                drop(turn);
                answered
            }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(100)
            .max_header_list_size(32 * 1024);
        drive(builder.serve_connection(socket, service), stages, idle).await
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(64 * 1024);
        let served = builder.serve_connection(socket, TowerToHyperService::new(app)).with_upgrades();
        drive(served, stages, std::future::pending()).await
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A connection of either version.
trait Speaking: Future<Output = hyper::Result<()>> {
    /// Takes no further request.
    fn finish(self: Pin<&mut Self>);
}

type Socket<S> = TokioIo<HeldSocket<S>>;
type App = TowerToHyperService<Router>;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Speaking
    for http1::UpgradeableConnection<Socket<S>, App>
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, A> Speaking for http2::Connection<Socket<S>, A, TokioExecutor>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: HttpService<Incoming, ResBody = Body>,
    A::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    TokioExecutor: Http2ServerConnExec<A::Future, Body>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// A request that runs.
struct Turn(watch::Sender<usize>);

impl Turn {
    fn begin(running: &watch::Sender<usize>) -> Self {
        running.send_modify(|running| *running += 1);
        Self(running.clone())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Ends when no request has run for that long.
async fn idle(mut running: watch::Receiver<usize>, limit: Duration) {
    loop {
        let none = *running.borrow_and_update() == 0;
        tokio::select! {
            changed = running.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
            () = tokio::time::sleep(limit), if none => return,
        }
    }
}

/// `None` when all was closed before the connection ended.
async fn drive(
    connection: impl Speaking,
    (draining, closed): (CancellationToken, CancellationToken),
    idle: impl Future<Output = ()>,
) -> Option<hyper::Result<()>> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Some(ended),
        () = closed.cancelled() => return None,
        () = draining.cancelled() => connection.as_mut().finish(),
        () = idle => connection.as_mut().finish(),
    }
    tokio::select! {
        ended = connection => Some(ended),
        () = closed.cancelled() => None,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeldSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        if read.is_ready() {
            self.first = None;
        } else if let Some(first) = &mut self.first
            && first.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeldSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

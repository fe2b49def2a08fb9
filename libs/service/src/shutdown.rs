//! Stopping in two stages: drain (nothing new, running work goes on), then close.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two stages, for everybody who must know of them. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    closed: CancellationToken,
}

impl Shutdown {
    /// Stage one: take nothing new, finish what runs, tell connected clients to go elsewhere.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Stage two: whatever still runs ends now.
    pub fn close(&self) {
        self.draining.cancel();
        self.closed.cancel();
    }

    /// Whether stage one has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Waits for stage one.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
        self.draining.clone().cancelled_owned()
    }

    /// Waits for stage two.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.closed.clone().cancelled_owned()
    }

    /// Begins at SIGTERM or SIGINT; a second signal closes at once.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            for stage in [Self::begin, Self::close] {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                tracing::info!("told to stop by a signal");
                stage(&shutdown);
            }
        });
        Ok(())
    }

    pub(crate) fn tokens(&self) -> (CancellationToken, CancellationToken) {
        (self.draining.clone(), self.closed.clone())
    }
}

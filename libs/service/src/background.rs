//! What a service does beside answering: tasks that live as long as it. One that ends early ends the service in order,
//! so that whoever runs it starts it anew; half a service would go on looking like a whole one.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Shutdown;

/// The background tasks of one service. All clones are one.
#[derive(Debug, Clone)]
pub struct Background {
    shutdown: Shutdown,
    /// Ends the tasks when nothing needs them any more.
    over: CancellationToken,
    tasks: TaskTracker,
    failed: Arc<OnceLock<&'static str>>,
}

impl Background {
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, over: CancellationToken::new(), tasks: TaskTracker::new(), failed: Arc::default() }
    }

    /// Runs a task until [`Background::end`]. When it panics, or ends before the service has been told to stop, the
    /// service drains and [`crate::Drained::failed`] has the task's name.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let (over, background) = (self.over.clone(), self.clone());
        // A task of its own: a panic is then an answer, and not the end of this one as well.
        let mut task = tokio::spawn(work);
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = &mut task => ended,
                () = over.cancelled() => {
                    task.abort();
                    task.await
                }
            };
            match ended {
                Err(panic) if panic.is_panic() => background.fail(name, "it panicked"),
                _ if !background.shutdown.is_draining() => background.fail(name, "it ended by itself"),
                _ => {}
            }
        });
    }

    /// Ends all that still run, and waits until they are gone.
    pub async fn end(&self) {
        self.over.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The first task that failed.
    pub fn failed(&self) -> Option<&'static str> {
        self.failed.get().copied()
    }

    fn fail(&self, task: &'static str, why: &'static str) {
        tracing::error!(task, why, "a background task is gone; the service stops, to be started anew");
        let _ = self.failed.set(task);
        self.shutdown.begin();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_or_panics_begins_the_shutdown_and_is_named() {
        let (ends, panics) = (Background::new(Shutdown::default()), Background::new(Shutdown::default()));
        ends.spawn("one that ends", async {});
        panics.spawn("one that panics", async { panic!("on purpose") });
        for (background, name) in [(ends, "one that ends"), (panics, "one that panics")] {
            background.spawn("another", std::future::pending());
            background.shutdown.draining().await;
            background.end().await;
            assert_eq!(background.failed(), Some(name));
        }
    }

    #[tokio::test]
    async fn a_task_that_ends_while_the_service_stops_is_no_failure_but_a_panic_always_is() {
        let background = Background::new(Shutdown::default());
        background.shutdown.begin();
        background.spawn("one that ends", async {});
        background.tasks.close();
        background.tasks.wait().await;
        assert_eq!(background.failed(), None);
        background.spawn("one that panics", async { panic!("on purpose") });
        background.tasks.wait().await;
        assert_eq!(background.failed(), Some("one that panics"));
    }
}

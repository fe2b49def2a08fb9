//! Changes of a directory, made up by the test.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use wickr_base::{DeviceId, UnixMillis};
use wickr_relay::{ChangeFeed, FeedAnswer, FeedChange, FeedError};

#[derive(Clone)]
pub(crate) struct MadeUpFeed {
    changes: Arc<Mutex<Vec<FeedChange>>>,
    head: Arc<watch::Sender<u64>>,
    incarnation: Arc<Mutex<String>>,
}

impl Default for MadeUpFeed {
    fn default() -> Self {
        Self {
            changes: Arc::default(),
            head: Arc::new(watch::Sender::new(0)),
            incarnation: Arc::new(Mutex::new("0".repeat(32))),
        }
    }
}

impl MadeUpFeed {
    pub(crate) fn revoke(&self, device: DeviceId, at: UnixMillis) {
        self.add("DeviceRevoked", device, None, at);
    }

    pub(crate) fn end_session(&self, device: DeviceId, session: &str, at: UnixMillis) {
        self.add("SessionEnded", device, Some(session.to_owned()), at);
    }

    /// The directory is restored to a state with none of its changes.
    pub(crate) fn restore(&self) {
        self.changes.lock().clear();
        *self.incarnation.lock() = "f".repeat(32);
        self.head.send_replace(0);
    }

    fn add(&self, kind: &str, device: DeviceId, session: Option<String>, at: UnixMillis) {
        let mut changes = self.changes.lock();
        let number = changes.len() as u64 + 1;
        let (kind, device) = (kind.to_owned(), device.to_string());
        changes.push(FeedChange { number, kind, device, session, at });
        self.head.send_replace(number);
    }
}

impl ChangeFeed for MadeUpFeed {
    fn after(&self, number: u64, wait: Duration) -> BoxFuture<'_, Result<FeedAnswer, FeedError>> {
        Box::pin(async move {
            let mut head = self.head.subscribe();
            let _ = tokio::time::timeout(wait, head.wait_for(|head| *head != number)).await;
            let changes = self.changes.lock();
            let after = changes.iter().filter(|change| change.number > number).cloned().collect();
            let (incarnation, head) = (self.incarnation.lock().clone(), changes.len() as u64);
            Ok(FeedAnswer { incarnation, changes: after, head })
        })
    }
}

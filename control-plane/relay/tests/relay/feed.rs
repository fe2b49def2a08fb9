//! Changes of a directory, made up by the test.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use wickr_base::{DeviceId, Incarnation, UnixMillis, UserId};
use wickr_model::{Change, ChangeKind, ChangeLine, ChangesAnswer};
use wickr_relay::{ChangeFeed, FeedError};

#[derive(Clone)]
pub(crate) struct MadeUpFeed {
    changes: Arc<Mutex<Vec<ChangeLine>>>,
    head: Arc<watch::Sender<u64>>,
    incarnation: Arc<Mutex<Incarnation>>,
    away: Arc<watch::Sender<bool>>,
}

impl Default for MadeUpFeed {
    fn default() -> Self {
        Self {
            changes: Arc::default(),
            head: Arc::new(watch::Sender::new(0)),
            incarnation: Arc::new(Mutex::new(Incarnation([0; 16]))),
            away: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl MadeUpFeed {
    pub(crate) fn revoke(&self, device: DeviceId, at: UnixMillis) {
        self.add(ChangeKind::DeviceRevoked, device, at);
    }

    pub(crate) fn end_session(&self, device: DeviceId, session: &str, at: UnixMillis) {
        self.add(ChangeKind::SessionEnded(session.parse().unwrap()), device, at);
    }

    /// A change as a later version of sso might say it.
    pub(crate) fn add_of_later_version(&self, kind: &str, device: DeviceId, at: UnixMillis) {
        self.push(ChangeKind::DeviceRevoked, device, at, |line| kind.clone_into(&mut line.kind));
    }

    /// The directory is restored to a state with none of its changes.
    pub(crate) fn restore(&self) {
        self.changes.lock().clear();
        *self.incarnation.lock() = Incarnation([0xff; 16]);
        self.head.send_replace(0);
    }

    /// Whether sso doesn't answer.
    pub(crate) fn go_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    fn add(&self, kind: ChangeKind, device: DeviceId, at: UnixMillis) {
        self.push(kind, device, at, |_| {});
    }

    fn push(&self, kind: ChangeKind, device: DeviceId, at: UnixMillis, spoil: impl FnOnce(&mut ChangeLine)) {
        let mut changes = self.changes.lock();
        let number = changes.len() as u64 + 1;
        let user = UserId::from_bytes([9; 16]);
        let mut line = ChangeLine::from(&Change { number, kind, user, device, at });
        spoil(&mut line);
        changes.push(line);
        self.head.send_replace(number);
    }
}

impl ChangeFeed for MadeUpFeed {
    fn after(&self, number: u64, wait: Duration) -> BoxFuture<'_, Result<ChangesAnswer, FeedError>> {
        Box::pin(async move {
            let _ = self.away.subscribe().wait_for(|away| !*away).await;
            let mut head = self.head.subscribe();
            let _ = tokio::time::timeout(wait, head.wait_for(|head| *head != number)).await;
            let changes = self.changes.lock();
            let after = changes.iter().filter(|change| change.number > number).cloned().collect();
            let (incarnation, head) = (*self.incarnation.lock(), changes.len() as u64);
            Ok(ChangesAnswer { incarnation, changes: after, head })
        })
    }
}

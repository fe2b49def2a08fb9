//! Whether the API server's state has gone back: etcd was restored to an older state. A watch that was begun at a later
//! version hears nothing then until that version has come again, and it fails nowhere (heeded by `watch`).

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// What one object, read and written in one order, tells of the state that all are in: its version only ever grows.
/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct History {
    newest: Arc<Mutex<u64>>,
    turns: watch::Sender<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self { newest: Arc::default(), turns: watch::Sender::new(0) }
    }
}

impl History {
    /// Takes in the version of an answer that is younger than all before it.
    pub fn saw(&self, version: &str) {
        let Ok(version) = version.parse::<u64>() else { return };
        let mut newest = self.newest.lock();
        let before = std::mem::replace(&mut *newest, version);
        drop(newest);
        if version < before {
            tracing::warn!(
                before,
                version,
                "the API server's state is older than what it has shown before: etcd was restored; everything is \
                 listed anew"
            );
            self.turns.send_modify(|turns| *turns += 1);
        }
    }

    /// Changes each time the state has gone back.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }
}

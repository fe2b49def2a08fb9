//! The relay's part of `GET /status`, which scans nothing; the figures that take a scan are measured beside it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use wickr_base::UnixMillis;
use wickr_store::queue::{StoreError, Usage};

use crate::relay::Relay;
use crate::trouble::Trouble;

/// How often the store is measured: the scans take a while with many rooms, longer than who asks for the status waits.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// For the volume's figures: whoever asks for the status waits 2 s.
const DISK_PATIENCE: Duration = Duration::from_secs(1);

/// What the store held when it was last measured.
#[derive(Default)]
pub(crate) struct Figures(Mutex<Option<Usage>>);

pub(crate) async fn status(relay: Arc<Relay>) -> Map<String, Value> {
    let canary = relay.canary.get();
    let changes = relay.following.state(relay.clock.elapsed());
    let time = |at: Option<UnixMillis>| at.map(|at| at.to_string());
    let mut status = Map::new();
    let mut say = |key: &str, value: Value| status.insert(key.to_owned(), value);
    say("incarnation", json!(relay.store.incarnation().to_string()));
    let (error, code) =
        (canary.error.as_ref().map(ToString::to_string), canary.error.map(|error| error.code().as_str()));
    say("canary", json!({"ok": canary.ok, "at": time(canary.at), "error": error, "code": code}));
    say(
        "changes",
        json!({
            "ok": changes.lost.is_none(), "at": time(changes.at), "error": changes.lost,
            "applied": changes.applied,
        }),
    );
    // A copy, or the lock would be held across what follows.
    let usage = *relay.figures.0.lock();
    if let Some(usage) = usage {
        say("rooms", json!(usage.rooms));
        say("devices", json!(usage.devices));
    }
    // A disk that hangs must not keep the rest from being told.
    if let Ok(Ok(disk)) = timeout(DISK_PATIENCE, relay.store.disk()).await {
        say("disk", json!({"free": disk.free, "total": disk.total}));
    }
    status
}

/// Keeps the figures, until it is dropped.
pub(crate) async fn measure(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    let trouble = Trouble::new("measuring what the store holds");
    loop {
        tick.tick().await;
        match relay.measure().await {
            Ok(()) => trouble.over(),
            Err(error) => trouble.failed(error),
        }
    }
}

impl Relay {
    async fn measure(&self) -> Result<(), StoreError> {
        let oldest = self.store.oldest_undelivered().await?;
        let age = oldest.map_or(Duration::ZERO, |at| self.now().since(at));
        self.meters.oldest_undelivered.set(age.as_secs_f64());
        *self.figures.0.lock() = Some(self.store.usage().await?);
        Ok(())
    }
}

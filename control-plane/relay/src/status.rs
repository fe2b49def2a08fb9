//! The relay's part of `GET /status`, and the figures that take a look into the store.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use wickr_base::UnixMillis;

use crate::relay::Relay;

/// How often the oldest undelivered entry is looked for; the scan takes a while with many rooms.
const LOOK_EVERY: Duration = Duration::from_secs(30);

pub(crate) async fn status(relay: Arc<Relay>) -> Map<String, Value> {
    let canary = relay.canary.get();
    let (applied, at) = relay.following.state();
    let time = |at: Option<UnixMillis>| at.map(|at| at.to_string());
    let mut status = Map::new();
    let mut say = |key: &str, value: Value| status.insert(key.to_owned(), value);
    say("incarnation", json!(relay.store.incarnation().to_string()));
    say("canary", json!({"ok": canary.ok, "at": time(canary.at), "error": canary.error}));
    say("changes", json!({"applied": applied, "at": time(at)}));
    if let Ok(usage) = relay.store.usage().await {
        say("rooms", json!(usage.rooms));
        say("devices", json!(usage.devices));
    }
    if let Ok(disk) = relay.store.disk().await {
        say("disk", json!({"free": disk.free, "total": disk.total}));
    }
    let oldest = relay.store.oldest_undelivered().await.ok().flatten();
    say("oldest_undelivered_s", json!(oldest.map(|at| relay.now().since(at).as_secs())));
    status
}

/// Keeps the gauge of the oldest undelivered entry, until it is dropped.
pub(crate) async fn measure(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        match relay.store.oldest_undelivered().await {
            Ok(oldest) => {
                let age = oldest.map_or(Duration::ZERO, |at| relay.now().since(at));
                relay.meters.oldest_undelivered.set(age.as_secs_f64());
            }
            Err(error) => tracing::warn!(%error, "the oldest undelivered entry is not known"),
        }
    }
}

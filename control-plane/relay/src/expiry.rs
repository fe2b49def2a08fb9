//! Removes what has expired, by the store's time, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use wickr_store::queue::{Operation, Outcome};

use crate::relay::Relay;

const EVERY: Duration = Duration::from_secs(5);

/// Things in one batch, so that messages need not wait long behind it.
const AT_MOST: usize = 1_000;

/// Removes until it is dropped.
pub(crate) async fn purge(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        loop {
            match relay.ask(Operation::Purge { at_most: AT_MOST }).await {
                Ok(Outcome::Purged { removed, more }) => {
                    relay.meters.expired.inc_by(removed as u64);
                    if !more {
                        break;
                    }
                }
                Ok(_) => break,
                Err(refusal) => {
                    tracing::warn!(code = %refusal.code, "what has expired could not be removed; later");
                    break;
                }
            }
        }
    }
}

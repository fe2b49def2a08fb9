//! Removes what has expired, by the store's time, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use wickr_store::queue::{Operation, Outcome};

use crate::relay::Relay;
use crate::trouble::Trouble;

const EVERY: Duration = Duration::from_secs(5);

/// Things in one batch, so that messages need not wait long behind it.
const AT_MOST: usize = 1_000;

/// Removes until it is dropped.
pub(crate) async fn purge(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(EVERY);
    let trouble = Trouble::new("removing what has expired");
    loop {
        tick.tick().await;
        loop {
            match relay.ask(Operation::Purge { at_most: AT_MOST }).await {
                Ok(Outcome::Purged { removed, more }) => {
                    trouble.over();
                    relay.meters.expired.inc_by(removed as u64);
                    if !more {
                        break;
                    }
                }
                Ok(_) => break,
                Err(refusal) => {
                    trouble.failed(refusal.cause());
                    break;
                }
            }
        }
    }
}

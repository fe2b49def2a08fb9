//! Removes from the rooms' logs what nobody needs any more, and rooms that have ended: found by a reader of the store,
//! removed by its writer a little at a time.

use std::sync::Arc;
use std::time::Duration;

use wickr_store::queue::{Operation, Outcome, Trim};

use crate::relay::Relay;
use crate::trouble::Trouble;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Between two looks at all rooms, by the relay's clock.
const EVERY: Duration = Duration::from_mins(5);

/// Rooms found at a time, and entries in one batch, so that messages need not wait long behind it.
const AT_MOST: usize = 1_000;

/// Trims until it is dropped.
pub(crate) async fn trim(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(TICK);
    let trouble = Trouble::new("trimming logs");
    let mut next = Duration::ZERO;
    loop {
        tick.tick().await;
        if relay.clock.elapsed() < next {
            continue;
        }
        match relay.trim_all().await {
            Ok(()) => trouble.over(),
            Err(why) => trouble.failed(why),
        }
        next = relay.clock.elapsed() + EVERY;
    }
}

impl Relay {
    async fn trim_all(&self) -> Result<(), String> {
        loop {
            let found = self.store.trimmable(AT_MOST).await.map_err(|error| error.to_string())?;
            let last = found.len() < AT_MOST;
            for trim in found {
                self.trim_one(trim).await?;
            }
            if last {
                return Ok(());
            }
        }
    }

    async fn trim_one(&self, trim: Trim) -> Result<(), String> {
        loop {
            let operation = Operation::Trim { trim: trim.clone(), at_most: AT_MOST };
            match self.ask_store(operation).await.map_err(|error| error.to_string())? {
                Outcome::Purged { removed, more } => {
                    self.meters.trimmed.inc_by(removed as u64);
                    if !more {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
    }
}

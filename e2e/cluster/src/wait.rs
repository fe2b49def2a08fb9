//! Waiting for a condition with a deadline: the only way anything here waits.
#![expect(clippy::disallowed_methods, reason = "waits for real processes by the real clock")]

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks `condition` until it gives a value. An error from it ends the wait at once; running out of time names `what`.
pub fn until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

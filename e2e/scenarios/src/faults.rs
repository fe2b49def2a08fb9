//! How long and how often faults are tried: `cargo xtask test --full` sets the figures, alone a test takes the short ones.

use std::time::Duration;

/// How often: `WICKR_TRIES` if it is set, else `usual`.
pub fn tries(usual: u64) -> u64 {
    number("WICKR_TRIES").unwrap_or(usual)
}

/// How long: `WICKR_FOR` (seconds) if it is set, else `usual`.
pub fn lasting(usual: Duration) -> Duration {
    number("WICKR_FOR").map_or(usual, Duration::from_secs)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

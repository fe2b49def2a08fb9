//! How much one device or person may have in the store, and how long things are kept.

use std::time::Duration;

/// One-time key packages that a device may have in its pool.
pub const MAX_POOL: u32 = 200;

/// Welcomes that may wait for one device; a commit that would add one more is refused.
pub const MAX_INBOX: u64 = 10_000;

/// Live rooms that one person may have created.
pub const MAX_ROOMS_PER_USER: u32 = 1_000;

/// How long an entry is kept for members that have not acknowledged it. What all have acknowledged goes at once.
pub const KEPT_UNDELIVERED: Duration = Duration::from_hours(30 * 24);

/// How long the same id gets the same answer, and how long Welcomes and their trees are kept.
pub const REMEMBERED: Duration = Duration::from_hours(30 * 24);

//! Between our milliseconds and the library's whole seconds.

use mls_rs::time::MlsTime;
use wickr_base::UnixMillis;

/// Whole seconds, rounded down. Never within the first hour of 1970: the library subtracts an hour in places.
pub(crate) fn mls_time(at: UnixMillis) -> MlsTime {
    MlsTime::from(u64::try_from(at.seconds()).unwrap_or(0).max(3600))
}

pub(crate) fn unix_millis(time: MlsTime) -> UnixMillis {
    UnixMillis::from_seconds(i64::try_from(time.seconds_since_epoch()).unwrap_or(i64::MAX))
}

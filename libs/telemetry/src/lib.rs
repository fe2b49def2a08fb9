//! Tracing, the metrics registry and build information of every binary.
//!
//! The registry is passed in, never global: two services in one process (a test) have two.

#![warn(missing_docs)]

mod log;
mod metrics;

pub use log::{LogError, LogFormat, init};
pub use metrics::{Declaration, Kind, Metrics, MetricsError, Unit};

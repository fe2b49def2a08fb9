//! Samples, fixtures and a fake API server for tests of the operator.

pub mod keys;
pub mod objects;
pub mod samples;

#[cfg(feature = "fake-cluster")]
pub mod clock;
#[cfg(feature = "fake-cluster")]
pub mod fake_cluster;

//! Samples, fixtures and a fake API server for tests of the operator.

#[cfg(feature = "fake-cluster")]
pub mod fake_cluster;

//! Where things are kept: running clusters and services below `/var/lib/wickr`, builds in the user's cache.

use std::path::PathBuf;

pub use wickr_steps::cache;

/// State of what runs. It goes away with the last cluster and service.
pub(crate) fn state() -> PathBuf {
    PathBuf::from("/var/lib/wickr")
}

/// State of one cluster.
pub(crate) fn cluster(name: &str) -> PathBuf {
    state().join("clusters").join(name)
}

/// State of one service outside the clusters.
pub(crate) fn service(name: &str) -> PathBuf {
    state().join("services").join(name)
}

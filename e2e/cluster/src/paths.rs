//! Where things are kept: builds in the user's cache, running clusters and services below `/var/lib/wickr`.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Builds, downloads and images, each in a folder named by its content: `${XDG_CACHE_HOME:-$HOME/.cache}/wickr`.
pub fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(base
        .context("neither XDG_CACHE_HOME nor HOME is set: set one, the cluster's programs are kept there")?
        .join("wickr"))
}

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

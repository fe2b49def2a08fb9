//! Where builds and downloads are kept.

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

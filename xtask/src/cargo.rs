//! Calling cargo, and what it tells about the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace's folder.
pub(crate) fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no folder above it")?.to_owned())
}

/// Packages, targets and the resolved graph.
pub(crate) fn metadata() -> Result<Metadata> {
    MetadataCommand::new().current_dir(root()?).exec().context("reading the workspace with 'cargo metadata'")
}

/// cargo, in the workspace's folder, its output as it is.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()?);
    Ok(command)
}

/// Runs it; what it printed is the explanation of a failure.
pub(crate) fn pass(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", command.get_program().display()))?;
    if !status.success() {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        bail!("'cargo {}' failed: see above", words.join(" "));
    }
    Ok(())
}

//! `cargo xtask check`: what can be told without running anything, a file for each check.

use anyhow::Result;
use clap::Args;

/// Check what can be told without running anything.
#[derive(Args)]
pub(crate) struct Arguments {}

/// Runs it.
pub(crate) fn run(_arguments: Arguments) -> Result<()> {
    Ok(())
}

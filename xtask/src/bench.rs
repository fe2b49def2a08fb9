//! `cargo xtask bench NAME`: builds the release programs and measures them against peers. The load is in `e2e/bench`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use wickr_steps::packages::packages;
use wickr_steps::progress;

use crate::cargo::{cargo, pass};

/// Measure against peers in the same run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure.
    name: Name,
    /// Write the rows to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Durable 1 KiB messages through the relay; Prosody and the bare limit beside it.
    Relay,
    /// Idle connections: memory for each, and how long until all are back after a restart.
    Connections,
}

/// Builds, installs the peer, measures.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    packages(&[("prosody", "prosody")])?;
    let (name, programs): (_, &[&str]) = match arguments.name {
        Name::Relay => ("relay", &["--package", "wickr-server", "--package", "wickr-bench"]),
        Name::Connections => ("connections", &["--package", "wickr-bench"]),
    };
    progress::step("release programs (minutes the first time: all dependencies are compiled once)", || {
        pass(cargo(&[&["build", "--quiet", "--release", "--locked"], programs].concat())?)
    })?;
    let mut bench =
        cargo(&["run", "--quiet", "--release", "--locked", "--package", "wickr-bench", "--", name])?;
    if let Some(json) = &arguments.json {
        // It runs in the repository's folder, whatever this one was started in.
        bench.arg("--json").arg(std::path::absolute(json).context("the path of the JSON file")?);
    }
    pass(bench)
}

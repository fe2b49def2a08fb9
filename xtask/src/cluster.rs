//! `cargo xtask cluster`: builds the clusters' command line and hands over. It is in `e2e/cluster/src/bin/cluster.rs`.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::cargo::{cargo, pass};

/// Start, stop and list real Kubernetes clusters on this machine.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// `--help` tells them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds what is missing, then hands over.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut cluster = cargo(&["run", "--locked", "--package", "wickr-cluster", "--bin", "cluster", "--"])?;
    cluster.args(&arguments.arguments);
    pass(cluster)
}

//! `cargo xtask demo`: builds the demo and runs it. The story is in `e2e/scenarios`.

use anyhow::Result;
use clap::Args;
use wickr_steps::progress;

use crate::cargo::{cargo, pass};

/// Bring up a network on a cluster of its own and show that it keeps its promises.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Remove the cluster, the identity provider and the people's profiles.
    #[arg(long)]
    down: bool,
}

/// Builds what is missing, then hands over.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    progress::step(
        "the demo's program (a few minutes the first time: its dependencies are compiled once)",
        || pass(cargo(&["build", "--quiet", "--locked", "--package", "wickr-scenarios", "--bin", "demo"])?),
    )?;
    let mut demo =
        cargo(&["run", "--quiet", "--locked", "--package", "wickr-scenarios", "--bin", "demo", "--"])?;
    if arguments.down {
        demo.arg("--down");
    }
    pass(demo)
}

//! `cargo xtask demo`: builds the demo and runs it. The story is in `e2e/scenarios`.

use std::path::PathBuf;

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
    /// Play it on a cluster that is there already: an administrator's kubeconfig.
    #[arg(long, requires = "registry")]
    kubeconfig: Option<PathBuf>,
    /// Where that cluster pulls images from: HOST[:PORT][/PATH], with http:// before it for one without TLS.
    #[arg(long, requires = "kubeconfig")]
    registry: Option<String>,
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
    if let (Some(kubeconfig), Some(registry)) = (&arguments.kubeconfig, &arguments.registry) {
        demo.arg("--kubeconfig").arg(std::path::absolute(kubeconfig)?).args(["--registry", registry]);
    }
    pass(demo)
}

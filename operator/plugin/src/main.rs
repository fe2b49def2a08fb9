//! `kubectl wickr`: what is so (`status`), and what the operator would do next (`plan`). Reads, never writes.

mod cluster;
mod plan;
mod settings;
mod status;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser, Subcommand};

/// Looks at the networks of a cluster.
///
/// Put `kubectl-wickr` on your PATH and kubectl finds it.
#[derive(Debug, Parser)]
#[command(name = "kubectl wickr", bin_name = "kubectl wickr", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

/// Where to look; the same as kubectl's.
#[derive(Clone, Debug, Args)]
struct Place {
    /// Namespace of the network; the context's when it is left out.
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig.
    #[arg(long, global = true)]
    context: Option<String>,
    /// File with the kubeconfig.
    #[arg(long, global = true, env = "KUBECONFIG")]
    kubeconfig: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints a network as a tree: its conditions, what is waited for, and the next command.
    ///
    /// Example: kubectl wickr status hq -n hq
    Status {
        /// The network; every one of the namespace when it is left out.
        name: Option<String>,
    },
    /// Prints what the operator would do now, step by step, and what it holds back and why.
    ///
    /// It is decided by the operator's own code, from what you may read. The services are not asked.
    ///
    /// Example: kubectl wickr plan hq -n hq
    Plan {
        /// The network.
        name: String,
    },
}

fn main() -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another cryptography provider was installed first"))?;
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let text = runtime.block_on(answer(arguments))?;
    show(&text);
    Ok(())
}

async fn answer(arguments: Arguments) -> Result<String> {
    let cluster = cluster::Cluster::reach(&arguments.place).await?;
    match arguments.command {
        Command::Status { name } => status::status(&cluster, name.as_deref()).await,
        Command::Plan { name } => plan::plan(&cluster, &name).await,
    }
}

#[expect(clippy::print_stdout, reason = "what a person asked to see")]
fn show(text: &str) {
    print!("{text}");
}

//! `kubectl wickr`: what is so (`status`), and what the operator would do next (`plan`). Reads, never writes.

mod cluster;
mod networks;
mod plan;
mod settings;
mod status;

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser, Subcommand};

/// Looks at the networks of a cluster: what is so, and what the operator would do next. Changes nothing.
///
/// It asks the cluster that kubectl asks, in the namespace that kubectl looks into.
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
#[command(next_help_heading = "Where to look")]
struct Place {
    /// If present, the namespace of the network; otherwise the one of the current context.
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Look at the networks of all namespaces. A name can't be given besides.
    #[arg(short = 'A', long, global = true, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The name of the kubeconfig context to use.
    #[arg(long, global = true, value_name = "CONTEXT")]
    context: Option<String>,
    /// Path to the kubeconfig file to use instead of those that KUBECONFIG or ~/.kube/config name.
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a network as a tree: its conditions, what is waited for, and the next command.
    ///
    /// Each condition stands with its reason; what is not as it should be with its cause and the next step too.
    /// The identity providers that serve the network follow. The last line is the one thing to do first.
    #[command(after_help = STATUS_EXAMPLES)]
    Status {
        /// The network. Every one of the namespace when it is left out.
        name: Option<String>,
    },
    /// Show what the operator would do now, step by step, and what it holds back and why.
    ///
    /// It is decided by the operator's own code, with its images and labels, from what you may read: every kind
    /// that a network owns (Secrets among them), storage classes, and the networks of the other namespaces. The
    /// services are not asked, so a document that they lack is not told.
    #[command(after_help = PLAN_EXAMPLES)]
    Plan {
        /// The network. Every one of the namespace when it is left out.
        name: Option<String>,
    },
}

const STATUS_EXAMPLES: &str = "\
Examples:
  # The network hq of the current namespace
  kubectl wickr status hq

  # Every network of the namespace hq
  kubectl wickr status -n hq

  # Every network of the cluster
  kubectl wickr status -A";

const PLAN_EXAMPLES: &str = "\
Examples:
  # What comes next for the network hq of the namespace hq
  kubectl wickr plan hq -n hq

  # What the operator would do in the whole cluster
  kubectl wickr plan -A";

fn main() -> ExitCode {
    match run() {
        Ok(text) => {
            show(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another cryptography provider was installed first"))?;
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(answer(arguments))
}

async fn answer(arguments: Arguments) -> Result<String> {
    let cluster = cluster::Cluster::reach(&arguments.place).await?;
    match arguments.command {
        Command::Status { name } => status::status(&cluster, name.as_deref()).await,
        Command::Plan { name } => plan::plan(&cluster, name.as_deref()).await,
    }
}

#[expect(clippy::print_stdout, reason = "what a person asked to see")]
fn show(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "why a person doesn't see what was asked for, in kubectl's form")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(words: &[&str]) -> Result<Place, clap::Error> {
        Arguments::try_parse_from(["kubectl-wickr"].iter().chain(words)).map(|arguments| arguments.place)
    }

    #[test]
    fn flags_stand_where_kubectl_users_write_them() {
        for words in [["-n", "hq", "status"], ["status", "-n", "hq"], ["plan", "--namespace", "hq"]] {
            assert_eq!(place(&words).unwrap().namespace.as_deref(), Some("hq"), "{words:?}");
        }
        for words in [["-A", "status"], ["plan", "-A"], ["status", "--all-namespaces"]] {
            assert!(place(&words).unwrap().all_namespaces, "{words:?}");
        }
        assert!(place(&["status", "-A", "-n", "hq"]).is_err());
    }
}

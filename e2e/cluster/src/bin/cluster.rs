//! A real Kubernetes on this machine, by name: `cargo xtask cluster` builds and starts this program.
#![expect(clippy::print_stdout, reason = "results go to standard output, progress to standard error")]

use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use wickr_cluster::{Cluster, Hosts, Options, progress};

/// Start, stop and list real Kubernetes clusters on this machine.
#[derive(Parser)]
#[command(name = "cargo xtask cluster", bin_name = "cargo xtask cluster", arg_required_else_help = true)]
enum Action {
    /// Start a cluster; does nothing when it runs already. The first time builds its programs, about 12 minutes.
    Up {
        /// Its name; several run side by side and reach each other.
        name: String,
        /// A name outside the clusters that its pods shall resolve; can be given more than once.
        #[arg(long = "host", value_name = "NAME=ADDRESS", value_parser = host)]
        hosts: Vec<(String, Ipv4Addr)>,
        /// The last part of its node's address, 11 to 250; the lowest free one by default.
        #[arg(long)]
        number: Option<u8>,
    },
    /// Remove a cluster with everything that belongs to it, in whatever state it is.
    Down {
        /// Its name.
        name: String,
    },
    /// List the clusters, and where their kubeconfigs are.
    List,
}

fn main() -> ExitCode {
    let Err(error) = run(Action::parse()) else { return ExitCode::SUCCESS };
    progress::say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

fn run(action: Action) -> Result<()> {
    match action {
        Action::Up { name, hosts, number } => up(&name, &Options { hosts: Hosts::from_iter(hosts), number }),
        Action::Down { name } => progress::step(&format!("cluster {name}: down"), || Cluster::down(&name)),
        Action::List => list(),
    }
}

fn up(name: &str, options: &Options) -> Result<()> {
    let cluster = progress::step(&format!("cluster {name}: up"), || Cluster::up(name, options))?;
    let kubectl = cluster.kubectl();
    println!("node        {}", cluster.node_ip());
    println!("logs        {}", cluster.logs().display());
    println!("export KUBECONFIG={}", cluster.kubeconfig().display());
    println!("alias kubectl={}", kubectl.get_program().display());
    println!("alias helm={}", cluster.helm().get_program().display());
    Ok(())
}

fn list() -> Result<()> {
    println!("{:<20} {:<8} {:<15} KUBECONFIG", "NAME", "STATE", "NODE");
    for cluster in Cluster::list()? {
        let state = if cluster.running { "running" } else { "dead" };
        println!("{:<20} {state:<8} {:<15} {}", cluster.name, cluster.node, cluster.kubeconfig.display());
    }
    Ok(())
}

fn host(text: &str) -> Result<(String, Ipv4Addr)> {
    let (name, address) = text.split_once('=').context("expected NAME=ADDRESS")?;
    Ok((name.to_owned(), address.parse().with_context(|| format!("address '{address}'"))?))
}

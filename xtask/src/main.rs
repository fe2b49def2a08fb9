//! The project's own commands, a file each. What they do with clusters is in `e2e/cluster`.
#![expect(clippy::print_stdout, reason = "a command's results go to standard output, its progress to standard error")]

mod check;
mod cluster;

use anyhow::Result;
use clap::Parser;

/// Build, test and run this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
enum Xtask {
    Cluster(cluster::Arguments),
    Check(check::Arguments),
}

fn main() -> Result<()> {
    match Xtask::parse() {
        Xtask::Cluster(arguments) => cluster::run(arguments),
        Xtask::Check(arguments) => check::run(arguments),
    }
}

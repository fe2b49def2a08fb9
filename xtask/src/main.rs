//! The project's own commands, a file each. What they do with clusters is in `e2e/cluster`.

mod bench;
mod cargo;
mod check;
mod cluster;
mod demo;
mod images;
mod test;

use std::process::ExitCode;

use clap::Parser;
use wickr_steps::progress;

/// Build, test and run this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
enum Xtask {
    Bench(bench::Arguments),
    Check(check::Arguments),
    Cluster(cluster::Arguments),
    Demo(demo::Arguments),
    Images(images::Arguments),
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let result = match Xtask::parse() {
        Xtask::Bench(arguments) => bench::run(&arguments),
        Xtask::Demo(arguments) => demo::run(&arguments),
        Xtask::Images(arguments) => images::run(&arguments),
        Xtask::Check(arguments) => check::run(&arguments),
        Xtask::Cluster(arguments) => cluster::run(&arguments),
        Xtask::Test(arguments) => test::run(&arguments),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    progress::say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

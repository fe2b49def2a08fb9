//! `cargo xtask images`: the services' images, and what is to be said about them.
#![expect(clippy::print_stdout, reason = "a command line")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use wickr_images::image::Base;
use wickr_images::{Made, SERVICES, Tree, make, reproduce, update};
use wickr_steps::progress::{say, step};

/// Build the services' images: an OCI archive each, and a bill of materials beside it.
#[derive(Parser)]
#[command(name = "cargo xtask images", bin_name = "cargo xtask images")]
struct Arguments {
    /// The folder to write them to.
    #[arg(long, default_value = "target/images")]
    out: PathBuf,
    /// Build the last commit twice, in clones that differ in every folder, and fail unless all is the same. Takes as long
    /// as two first builds.
    #[arg(long)]
    check: bool,
    /// Write the versions of Debian's packages that this machine's lists offer into e2e/images/debian.lock, and build nothing.
    #[arg(long, conflicts_with = "check")]
    update: bool,
}

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else { return ExitCode::SUCCESS };
    say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> Result<()> {
    let tree = Tree::here()?;
    if arguments.update {
        let path = tree.source.join("e2e/images/debian.lock");
        std::fs::write(&path, update()?).with_context(|| format!("writing {}", path.display()))?;
        println!("{}", path.display());
        return Ok(());
    }
    let made = if arguments.check {
        reproduce(&tree, Base::Locked, &tree.target.join("reproduce"))?
    } else {
        let programs = step("the services, release build (minutes the first time)", || tree.build())?;
        let make = |service: &_| make(*service, Base::Locked, &tree, &programs, &arguments.out);
        step("images and bills of materials", || SERVICES.iter().map(make).collect())?
    };
    for Made { service, digest, size, archive, bill } in &made {
        println!("{} {digest}", service.name);
        println!("  {:.1} MB of at most {:.0} MB", mega(*size), mega(service.limit));
        println!("  {}\n  {}", archive.display(), bill.display());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

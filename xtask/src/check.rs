//! `cargo xtask check`: level 0, what can be told without running anything; a file for each check.

mod clippy;
mod deny;
mod deps;
mod drift;
mod fmt;
mod size;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use wickr_steps::progress;

/// Check what can be told without running anything.
#[derive(Args, Default)]
pub(crate) struct Arguments {
    /// Only these; all of them by default.
    #[arg(value_enum)]
    checks: Vec<Check>,
    /// Write anew what is generated (drift) or formatted (fmt), instead of only comparing.
    #[arg(long)]
    write: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// Formatting, by rustfmt.
    Fmt,
    /// No file holds too many ideas: at most 800 lines.
    Size,
    /// Who may depend on whom, and what each layer must never reach.
    Deps,
    /// Generated files are what their generators give.
    Drift,
    /// Lints, all of them errors.
    Clippy,
    /// Licences, sources and banned crates, by cargo-deny.
    Deny,
}

/// Runs all that were asked for, also after a failure, so that one run shows everything.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let asked = |check: &&Check| arguments.checks.is_empty() || arguments.checks.contains(check);
    let mut failed = Vec::new();
    for check in Check::value_variants().iter().filter(asked) {
        let name = check.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        if let Err(error) = progress::step(&format!("check {name}"), || check.run(arguments.write)) {
            progress::say(&format!("{error:#}"));
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

impl Check {
    fn run(self, write: bool) -> Result<()> {
        match self {
            Self::Fmt => fmt::run(write),
            Self::Size => size::run(),
            Self::Deps => deps::run(),
            Self::Drift => drift::run(write),
            Self::Clippy => clippy::run(),
            Self::Deny => deny::run(),
        }
    }
}

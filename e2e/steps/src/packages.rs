//! Debian packages that are needed: named and installed. Elsewhere one sentence says what is missing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::progress;

/// A file that must be there and the Debian package that brings it.
pub type Need = (&'static str, &'static str);

/// Names the missing packages and installs them.
pub fn packages(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !has("apt-get") {
        bail!(
            "missing here: {names} (Debian's package names): install what they contain with this system's package manager"
        );
    }
    root("to install packages")
        .with_context(|| format!("missing packages: 'apt-get install {names}' installs them"))?;
    progress::step(&format!("installing Debian packages: {names}"), || install(&missing))
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]);
        command
    };
    let install = || run(apt().args(["install", "--no-install-recommends"]).args(packages));
    if install().is_err() {
        run(apt().arg("update"))?;
        install()?;
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    let mut missing: Vec<_> =
        needs.iter().filter(|(file, _)| !has(file)).map(|(_, package)| *package).collect();
    missing.dedup();
    missing
}

/// Whether a program is in PATH or where Debian puts administrators' programs, or a path exists.
fn has(file: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|folder| Path::new(folder).join(file).exists())
}

/// Stops with one sentence unless we are root.
pub fn root(why: &str) -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "this needs root ({why}): run it again with sudo, or in a container or virtual machine where you are root"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_by_its_package_once() {
        assert_eq!(
            missing(&[("sh", "dash"), ("no-such-a", "nothing"), ("no-such-b", "nothing")]),
            ["nothing"]
        );
    }
}

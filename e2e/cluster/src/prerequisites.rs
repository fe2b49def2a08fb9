//! What the machine must have. Missing Debian packages are named and installed; anything else is one clear sentence.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::progress;

/// A file that must be there and the Debian package that brings it.
pub type Need = (&'static str, &'static str);

/// For clusters.
const CLUSTER: &[Need] = &[
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
    ("runc", "runc"),
    ("mkfs.ext4", "e2fsprogs"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
];

/// Everything for a cluster of our own: packages, root, control groups, Go.
pub fn cluster() -> Result<()> {
    root("a cluster needs network namespaces, mounts and control groups")?;
    packages(CLUSTER)?;
    if !Path::new("/sys/fs/cgroup").is_dir() || crate::cgroup::hierarchies()?.is_empty() {
        bail!(
            "no control groups are mounted below /sys/fs/cgroup: run on a machine or in a container that has them"
        );
    }
    go()
}

/// Go, for building the clusters' programs. An older one fetches the version that go.mod asks for.
pub fn go() -> Result<()> {
    let Ok(version) = run(Command::new("go").arg("version")) else {
        bail!(
            "Go is not installed: the cluster's programs are built with it; install Go 1.26 or newer and put it in PATH"
        );
    };
    let number = version.split("go1.").nth(1).and_then(|rest| rest.split(['.', ' ']).next()).unwrap_or("0");
    if number.parse::<u32>().unwrap_or(0) < 21 {
        bail!("{} is too old: install Go 1.26 or newer and put it first in PATH", version.trim());
    }
    Ok(())
}

/// Java and Maven, for the identity provider.
pub fn java() -> Result<()> {
    packages(&[("java", "openjdk-17-jre-headless"), ("mvn", "maven")])
}

/// Prometheus with promtool.
pub fn prometheus() -> Result<()> {
    packages(&[("prometheus", "prometheus"), ("promtool", "prometheus")])
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

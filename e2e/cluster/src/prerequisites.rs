//! What the machine must have. Missing Debian packages are installed (how: e2e/steps); anything else is one clear sentence.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
pub use wickr_steps::packages::{Need, packages, root};

use crate::command::run;

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
            "Go is not installed: the cluster's programs are built with it; install Go 1.21 or later and put it in PATH"
        );
    };
    let number = version.split("go1.").nth(1).and_then(|rest| rest.split(['.', ' ']).next()).unwrap_or("0");
    if number.parse::<u32>().unwrap_or(0) < 21 {
        bail!("{} is too old: install Go 1.21 or later and put it first in PATH", version.trim());
    }
    Ok(())
}

/// Java and Maven, for the identity provider.
pub fn java() -> Result<()> {
    packages(&[("java", "openjdk-17-jre-headless"), ("mvn", "maven")])
}

/// libfaketime, for a process whose clock is off: what it is to preload.
pub fn faketime() -> Result<PathBuf> {
    packages(&[("faketime", "faketime")])?;
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let places = places.map(|place| Path::new("/usr/lib").join(place).join("faketime/libfaketimeMT.so.1"));
    let Some(library) = places.into_iter().find(|path| path.exists()) else {
        bail!("the package faketime is installed without libfaketimeMT.so.1: install libfaketime");
    };
    Ok(library)
}

/// What pushes images to a registry.
pub fn skopeo() -> Result<()> {
    packages(&[("skopeo", "skopeo")])
}

/// Prometheus with promtool.
pub fn prometheus() -> Result<()> {
    packages(&[("prometheus", "prometheus"), ("promtool", "prometheus")])
}

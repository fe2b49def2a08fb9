//! `cargo xtask test`: the levels of docs/architecture.md, lowest first. A test program named `level3_*` or `level4_*`,
//! in whatever crate, belongs to that level; all other tests are levels 1 and 2.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use cargo_metadata::Target;
use clap::Args;
use wickr_steps::progress;

use crate::cargo::{cargo, metadata, pass};
use crate::check;

/// Run the tests, all levels or one.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only this level: 0 checks, 1 and 2 without a cluster, 3 with an API server, 4 with whole clusters.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=4))]
    level: Option<u8>,
    /// Fault scenarios run for the times and tries that are promised, not the short form of 30 seconds.
    #[arg(long)]
    full: bool,
    /// Only the demo's story, on a cluster that is there already: an administrator's kubeconfig.
    #[arg(long, requires = "registry", conflicts_with_all = ["level", "full"])]
    kubeconfig: Option<PathBuf>,
    /// Where that cluster pulls images from: HOST[:PORT][/PATH], with http:// before it for one without TLS.
    #[arg(long, requires = "kubeconfig")]
    registry: Option<String>,
}

/// The test that needs no more of a cluster than its API, a registry and the ports of its nodes.
const ON_EXISTING: [&str; 6] = [
    "--package",
    "wickr-scenarios",
    "--test",
    "level4_story",
    "--",
    "the_demo_is_played_on_a_cluster_that_is_there_already_and_removed_from_it",
];

/// What the fault scenarios read: for how long, how many tries, under how many messages a second, and whether
/// each key is replaced by itself too; and the images: whether two whole builds are compared.
const FULL: &[(&str, &str)] = &[
    ("WICKR_FOR", "10m"),
    ("WICKR_TRIES", "20"),
    ("WICKR_RATE", "500"),
    ("WICKR_EACH_ALONE", "yes"),
    ("WICKR_BUILD_TWICE", "yes"),
];

/// Runs them; the first level that fails ends it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let (Some(kubeconfig), Some(registry)) = (&arguments.kubeconfig, &arguments.registry) {
        let kubeconfig = std::path::absolute(kubeconfig)?;
        return progress::step("the demo's story on a cluster that is there already", || {
            let mut test = cargo(&["test", "--locked"])?;
            test.args(ON_EXISTING).env("WICKR_KUBECONFIG", kubeconfig).env("WICKR_REGISTRY", registry);
            pass(test)
        });
    }
    let levels = Levels::find()?;
    let asked = |level| arguments.level.is_none_or(|asked| asked == level);
    if asked(0) {
        progress::step("level 0: checks", || check::run(&check::Arguments::default()))?;
    }
    if asked(1) || asked(2) {
        progress::step("levels 1 and 2: without a cluster", || levels.run_low(arguments.full))?;
    }
    for level in [3, 4].into_iter().filter(|level| asked(*level)) {
        let targets = levels.of(level);
        ensure!(!targets.is_empty() || arguments.level.is_none(), "no test program is named level{level}_*");
        for (package, target) in targets {
            progress::step(&format!("level {level}: {package} {target}"), || {
                // One at a time: each starts clusters of its own on the same two cores.
                let test = cargo(&[
                    "test",
                    "--locked",
                    "--package",
                    package,
                    "--test",
                    target,
                    "--",
                    "--test-threads=1",
                ])?;
                pass(lengthened(test, arguments.full))
            })?;
        }
    }
    Ok(())
}

/// Test programs of the upper levels: level, package, program.
struct Levels(BTreeSet<(u8, String, String)>);

impl Levels {
    fn find() -> Result<Self> {
        let metadata = metadata()?;
        let mut found = BTreeSet::new();
        for package in metadata.workspace_packages() {
            for target in package.targets.iter().filter(|target| target.is_test()) {
                if let Some(level) = level(&target.name) {
                    found.insert((level, package.name.to_string(), target.name.clone()));
                }
            }
        }
        Ok(Self(found))
    }

    fn of(&self, level: u8) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .filter(|(at, ..)| *at == level)
            .map(|(_, package, target)| (package.as_str(), target.as_str()))
            .collect()
    }

    /// Everything else: whole packages without such programs, and the rest of those with some.
    fn run_low(&self, full: bool) -> Result<()> {
        let metadata = metadata()?;
        let upper: BTreeSet<&str> = self.0.iter().map(|(_, package, _)| package.as_str()).collect();
        let mut test = cargo(&["test", "--locked", "--workspace"])?;
        test.args(upper.iter().flat_map(|package| ["--exclude", package]));
        pass(lengthened(test, full))?;
        for package in
            metadata.workspace_packages().into_iter().filter(|package| upper.contains(package.name.as_str()))
        {
            let mut test = cargo(&["test", "--locked", "--package", package.name.as_str()])?;
            let rest = package.targets.iter().filter(|target| level(&target.name).is_none());
            let chosen: Vec<&str> = rest.flat_map(choice).collect();
            if !chosen.is_empty() {
                test.args(chosen);
                pass(lengthened(test, full))?;
            }
        }
        Ok(())
    }
}

fn lengthened(mut test: Command, full: bool) -> Command {
    if full {
        test.envs(FULL.iter().copied());
    }
    test
}

/// The arguments that choose a target, if it has tests.
fn choice(target: &Target) -> Vec<&str> {
    if target.is_lib() {
        vec!["--lib"]
    } else if target.is_bin() {
        vec!["--bin", &target.name]
    } else if target.is_test() {
        vec!["--test", &target.name]
    } else {
        Vec::new()
    }
}

/// 3 or 4 for `level3_*` and `level4_*`.
fn level(target: &str) -> Option<u8> {
    let (digit, _) = target.strip_prefix("level")?.split_once('_')?;
    digit.parse().ok().filter(|level| matches!(level, 3 | 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_in_the_name() {
        assert_eq!(level("level3_samples"), Some(3));
        assert_eq!(level("level4"), None);
        assert_eq!(level("in_process"), None);
    }
}

//! The proof that others get the same: two whole builds of the last commit, in clones that differ in every folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use wickr_steps::command::run;
use wickr_steps::progress;

use crate::image::Base;
use crate::release::Tree;
use crate::{Made, SERVICES, make};

/// Builds twice below `folder`, which is emptied. Gives the images of the first, when those of the second are the same
/// to the byte.
pub fn reproduce(tree: &Tree, base: Base, folder: &Path) -> Result<Vec<Made>> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let one = progress::step("first build in a clone of its own, everything compiled anew", || {
        build(tree, base, &folder.join("one"), "source/target")
    })?;
    let other = progress::step("second build in another clone, other folders throughout", || {
        build(tree, base, &folder.join("another/and-deeper"), "built-here")
    })?;
    for (one, other) in one.iter().zip(&other) {
        let name = one.service.name;
        if one.digest != other.digest {
            bail!(
                "{name}: two builds of one commit differ: {} and {}. Compare {} with {}",
                one.digest,
                other.digest,
                one.archive.display(),
                other.archive.display()
            );
        }
        for (one, other) in [(&one.archive, &other.archive), (&one.bill, &other.bill)] {
            let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
            ensure!(read(one)? == read(other)?, "{} and {} differ", one.display(), other.display());
        }
        progress::say(&format!("          {name}: both are {}", one.digest));
    }
    Ok(one)
}

/// One whole build; of its gigabytes only the images stay.
fn build(tree: &Tree, base: Base, folder: &Path, target: &str) -> Result<Vec<Made>> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let clone = Tree {
        source: folder.join("source"),
        cargo_home: folder.join("crates"),
        target: folder.join(target),
    };
    run(Command::new("git").args(["clone", "--quiet"]).arg(&tree.source).arg(&clone.source))?;
    let known = tree.cargo_home.join("registry");
    let registry = clone.cargo_home.join("registry");
    fs::create_dir_all(&registry).with_context(|| format!("making {}", registry.display()))?;
    // What was downloaded before is not downloaded again, but unpacked again.
    for part in ["index", "cache"].map(|part| known.join(part)).iter().filter(|part| part.is_dir()) {
        run(Command::new("cp").arg("-r").arg(part).arg(&registry))?;
    }
    let programs = clone.build()?;
    let made = SERVICES
        .iter()
        .map(|service| make(*service, base, &clone, &programs, &folder.join("images")))
        .collect();
    for done in [&clone.target, &clone.source, &clone.cargo_home] {
        if done.exists() {
            fs::remove_dir_all(done).with_context(|| format!("removing {}", done.display()))?;
        }
    }
    made
}

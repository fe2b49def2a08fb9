//! The layers: who may depend on whom, and what each must never reach, however indirectly. The table is here and only
//! here; docs/architecture.md shows it (drift.rs). Development dependencies are free.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use crate::cargo::{metadata, root};

/// What holds for the crates in a folder. The first rule whose folder begins a crate's path is the crate's rule.
struct Rule {
    folder: &'static str,
    /// Folders of our own crates that it may depend on directly.
    may: &'static [&'static str],
    /// Crates that it must not reach through anything.
    never: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { folder: "libs/policy", may: &["libs/base"], never: IO },
    Rule {
        folder: "libs/",
        may: &["libs/"],
        never: &["kube-client", "kube-runtime", "sqlx", "sqlx-core", "fjall"],
    },
    Rule { folder: "operator/api", may: &["libs/base", "libs/policy"], never: &["kube-client", "tokio"] },
    Rule {
        folder: "operator/core",
        may: &["operator/api", "libs/base", "libs/policy", "libs/pki"],
        never: &["kube-client", "kube-runtime", "tokio", "sqlx", "sqlx-core", "axum", "fjall"],
    },
    Rule { folder: "operator/kube", may: &["operator/core", "libs/"], never: NO_STORE_NO_SERVER },
    Rule { folder: "operator/", may: &["operator/", "libs/"], never: NO_STORE },
    Rule { folder: "control-plane/model", may: &["libs/base"], never: IO },
    Rule { folder: "control-plane/store-sql", may: STORES, never: &["axum", "kube-client", "kube-runtime"] },
    Rule {
        folder: "control-plane/store",
        may: STORES,
        never: &["axum", "kube-client", "kube-runtime", "sqlx", "sqlx-core"],
    },
    Rule { folder: "control-plane/bin", may: &["control-plane/", "libs/"], never: &["kube-runtime"] },
    Rule {
        folder: "control-plane/",
        may: &["control-plane/model", "control-plane/store", "libs/"],
        never: &["kube-client", "kube-runtime", "sqlx", "sqlx-core"],
    },
    Rule {
        folder: "client/cli",
        may: &["client/", "libs/"],
        never: &["kube-client", "kube-runtime", "axum"],
    },
    Rule { folder: "client/", may: &["libs/"], never: &["kube-client", "kube-runtime", "axum"] },
    // Tests and our own commands drive everything.
    Rule { folder: "e2e/", may: &["e2e/", "operator/", "control-plane/", "client/", "libs/"], never: &[] },
    Rule { folder: "xtask", may: &["e2e/", "operator/", "control-plane/", "client/", "libs/"], never: &[] },
];

const IO: &[&str] =
    &["tokio", "mio", "hyper", "axum", "sqlx-core", "rusqlite", "fjall", "kube-client", "reqwest"];
const NO_STORE: &[&str] = &["sqlx", "sqlx-core", "rusqlite", "fjall"];
const NO_STORE_NO_SERVER: &[&str] = &["sqlx", "sqlx-core", "rusqlite", "fjall", "axum"];
const STORES: &[&str] = &["control-plane/model", "control-plane/store", "libs/base"];

pub(super) fn run() -> Result<()> {
    let graph = Graph::of(metadata()?)?;
    let mut findings = Vec::new();
    let used: BTreeSet<_> =
        graph.own.keys().filter_map(|folder| rule_of(folder)).map(|rule| rule.folder).collect();
    for idle in RULES.iter().filter(|rule| !used.contains(rule.folder)) {
        findings.push(format!("{}: no crate falls under this rule: is it a typing error?", idle.folder));
    }
    for (folder, package) in &graph.own {
        let Some(rule) = rule_of(folder) else {
            findings.push(format!(
                "{folder}: no rule says what it may depend on: add one to xtask/src/check/deps.rs"
            ));
            continue;
        };
        for other in graph.own_dependencies(package) {
            if !rule.may.iter().any(|may| within(other, may)) {
                findings
                    .push(format!("{folder} depends on {other}; it may depend on {}", rule.may.join(", ")));
            }
        }
        for never in rule.never {
            if let Some(path) = graph.path(package, never) {
                findings.push(format!("{folder} must never reach {never}, but does: {}", path.join(" -> ")));
            }
        }
    }
    ensure!(findings.is_empty(), "{}", findings.join("\n"));
    Ok(())
}

/// The first that fits.
fn rule_of(folder: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| folder.starts_with(rule.folder))
}

/// The table for people, with the crates that there are and what they use of each other.
pub(super) fn table() -> Result<String> {
    let graph = Graph::of(metadata()?)?;
    let mut table = "| crate | depends on | never reaches |\n|---|---|---|\n".to_owned();
    for (folder, package) in
        graph.own.iter().filter(|(folder, _)| !folder.starts_with("e2e/") && *folder != "xtask")
    {
        let uses: Vec<&str> = graph.own_dependencies(package).into_iter().collect();
        let never = rule_of(folder).map_or(String::new(), |rule| rule.never.join(", "));
        writeln!(table, "| `{folder}` | {} | {never} |", uses.join(", ")).context("a table")?;
    }
    Ok(table)
}

/// `control-plane/store` names that crate alone, `libs/` all below it.
fn within(folder: &str, allowed: &str) -> bool {
    folder == allowed || (allowed.ends_with('/') && folder.starts_with(allowed))
}

struct Graph {
    metadata: Metadata,
    /// Our own packages by their folders.
    own: BTreeMap<String, PackageId>,
    /// Normal and build dependencies.
    edges: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Graph {
    fn of(metadata: Metadata) -> Result<Self> {
        let root = root()?;
        let folder = |package: &Package| {
            let folder = package.manifest_path.parent()?.as_std_path().strip_prefix(&root).ok()?;
            Some(folder.to_string_lossy().into_owned())
        };
        let own = metadata.workspace_packages().into_iter();
        let own = own.filter_map(|package| Some((folder(package)?, package.id.clone()))).collect();
        let mut edges = BTreeMap::new();
        for node in &metadata.resolve.as_ref().context("'cargo metadata' resolved nothing")?.nodes {
            let real = |kind: &DependencyKind| *kind != DependencyKind::Development;
            let used = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| real(&kind.kind)));
            edges.insert(node.id.clone(), used.map(|dep| dep.pkg.clone()).collect());
        }
        Ok(Self { metadata, own, edges })
    }

    /// Folders of our own crates among the direct dependencies.
    fn own_dependencies(&self, package: &PackageId) -> BTreeSet<&str> {
        let direct = self.edges.get(package).into_iter().flatten();
        direct.filter_map(|id| Some(self.own.iter().find(|(_, own)| *own == id)?.0.as_str())).collect()
    }

    /// The shortest way from a package to a crate of this name.
    fn path(&self, from: &PackageId, to: &str) -> Option<Vec<&str>> {
        let name = |id: &PackageId| self.metadata[id].name.as_str();
        let mut came: BTreeMap<&PackageId, Option<&PackageId>> = BTreeMap::from([(from, None)]);
        let mut queue = VecDeque::from([from]);
        while let Some(here) = queue.pop_front() {
            if name(here) == to {
                let mut path: Vec<&str> =
                    std::iter::successors(Some(here), |id| came.get(id).copied()?).map(name).collect();
                path.reverse();
                return Some(path);
            }
            for next in self.edges.get(here).into_iter().flatten() {
                if !came.contains_key(next) {
                    came.insert(next, Some(here));
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_named_without_a_slash_is_that_crate_alone() {
        assert!(within("control-plane/store", "control-plane/store"));
        assert!(!within("control-plane/store-sql", "control-plane/store"));
        assert!(within("libs/pki", "libs/"));
    }

    #[test]
    fn the_shortest_forbidden_path_is_shown() {
        let graph = Graph::of(metadata().unwrap()).unwrap();
        let path = graph.path(&graph.own["xtask"], "anyhow").unwrap();
        assert_eq!(path, ["xtask", "anyhow"]);
        assert_eq!(graph.path(&graph.own["xtask"], "no-such-crate"), None);
    }
}

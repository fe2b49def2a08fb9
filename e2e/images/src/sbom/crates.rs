//! Which crates are in a service's program, with the features of its very build, and which only helped to build it.
//! 'cargo tree' tells, because 'cargo metadata' mixes in what other packages and tests want.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cargo_lock::Lockfile;
use cargo_metadata::MetadataCommand;
use wickr_steps::command::run;

use crate::SERVICES;
use crate::release::Tree;

/// Name and version.
type Key = (String, String);

/// One crate.
#[derive(Debug)]
pub(super) struct Crate {
    pub name: String,
    pub version: String,
    pub licence: Option<String>,
    pub description: Option<String>,
    /// Of the registry's file; none for ours.
    pub sha256: Option<String>,
    /// In the program; the others ran while it was built.
    pub linked: bool,
}

/// All crates of a program, by name.
#[derive(Debug)]
pub(super) struct Crates {
    pub used: Vec<Crate>,
    graph: Graph,
    root: Key,
}

impl Crate {
    /// Its name in the document, and its package URL.
    pub(super) fn reference(&self) -> String {
        reference(&self.name, &self.version)
    }
}

fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

impl Crates {
    /// Of the program `name`, which is a package's name too.
    pub(super) fn of(name: &str, tree: &Tree) -> Result<Self> {
        let graph = Graph::read(tree, "normal,build")?;
        let linked = Graph::read(tree, "normal,no-proc-macro")?;
        let root = graph.0.keys().find(|(found, _)| found == name);
        let root = root.with_context(|| format!("'cargo tree' has no package {name}"))?.clone();
        let linked = linked.reached(&root);

        let lock = Lockfile::load(tree.source.join("Cargo.lock")).context("reading Cargo.lock")?;
        let sums: BTreeMap<Key, String> = lock
            .packages
            .iter()
            .filter_map(|package| {
                let sum = package.checksum.as_ref()?.to_string();
                Some(((package.name.to_string(), package.version.to_string()), sum))
            })
            .collect();
        let metadata = MetadataCommand::new()
            .current_dir(&tree.source)
            .env("CARGO_HOME", &tree.cargo_home)
            .other_options(["--locked".to_owned()])
            .exec()
            .context("reading the workspace with 'cargo metadata'")?;
        let mut about: BTreeMap<Key, _> = metadata
            .packages
            .into_iter()
            .map(|package| ((package.name.to_string(), package.version.to_string()), package))
            .collect();
        let mut used = Vec::new();
        for key in graph.reached(&root) {
            let package = about.remove(&key).with_context(|| format!("{key:?} is in no manifest"))?;
            let ours = package.source.is_none();
            let sha256 = sums.get(&key).cloned();
            ensure!(ours || sha256.is_some(), "{key:?} has no checksum in Cargo.lock");
            if key != root {
                let (name, version) = key.clone();
                let (licence, description) = (package.license, package.description);
                used.push(Crate {
                    name,
                    version,
                    licence,
                    description,
                    sha256,
                    linked: linked.contains(&key),
                });
            }
        }
        Ok(Self { used, graph, root })
    }

    /// What the program itself asks for, as references.
    pub(super) fn direct(&self) -> Vec<String> {
        self.graph.below(&self.root)
    }

    /// What a crate asks for, as references.
    pub(super) fn below(&self, used: &Crate) -> Vec<String> {
        self.graph.below(&(used.name.clone(), used.version.clone()))
    }
}

/// Who asks for whom.
#[derive(Debug)]
struct Graph(BTreeMap<Key, BTreeSet<Key>>);

impl Graph {
    fn read(tree: &Tree, edges: &str) -> Result<Self> {
        let mut cargo = tree.plain_cargo(&["tree", "--locked", "--quiet", "--prefix", "depth"]);
        cargo.args(["--format", " {p}", "--edges", edges]);
        cargo.args(SERVICES.iter().flat_map(|service| ["--package", service.name]));
        Self::parse(&run(&mut cargo)?)
    }

    /// Lines of depth, name and version. What was shown before is shown again without what is below it.
    fn parse(text: &str) -> Result<Self> {
        let mut graph: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        let mut path: Vec<Key> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let mut word = || words.next().with_context(|| format!("'cargo tree' says '{line}'"));
            let depth: usize = word()?.parse().with_context(|| format!("no depth in '{line}'"))?;
            let key = (word()?.to_owned(), word()?.trim_start_matches('v').to_owned());
            path.truncate(depth);
            if let Some(above) = path.last() {
                graph.entry(above.clone()).or_default().insert(key.clone());
            }
            graph.entry(key.clone()).or_default();
            path.push(key);
        }
        Ok(Self(graph))
    }

    /// Everything that a package asks for at last, and itself.
    fn reached(&self, root: &Key) -> BTreeSet<Key> {
        let mut reached = BTreeSet::new();
        let mut open = vec![root];
        while let Some(key) = open.pop() {
            if reached.insert(key.clone()) {
                open.extend(self.0.get(key).into_iter().flatten());
            }
        }
        reached
    }

    fn below(&self, key: &Key) -> Vec<String> {
        self.0.get(key).into_iter().flatten().map(|(name, version)| reference(name, version)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_once_is_reached_from_everywhere() {
        let graph = Graph::parse("0 a v1.0.0 (/a)\n1 b v2.0.0\n2 c v3.0.0+x\n\n0 d v1.0.0\n1 b v2.0.0 (*)\n")
            .unwrap();
        let names = |root: &str| -> Vec<String> {
            let root = (root.to_owned(), "1.0.0".to_owned());
            graph.reached(&root).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names("d"), ["b", "c", "d"]);
        assert_eq!(graph.below(&("b".to_owned(), "2.0.0".to_owned())), ["pkg:cargo/c@3.0.0%2Bx"]);
    }
}

//! Builds a Go module of ours into the cache, once for each content of its folder. What there is to build: binaries.rs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::{digest, lock, paths, progress};

/// A folder below `e2e/cluster/go` whose go.mod pins what is built from it.
#[derive(Debug)]
pub(crate) struct GoModule {
    /// Its folder's name.
    pub folder: &'static str,
    /// Main packages, each built to a binary named by the last part of its path.
    pub packages: &'static [&'static str],
    /// Go build tags.
    pub tags: &'static str,
    /// Variables that are given the version of a required module: `(variable, module, prefix to cut off)`.
    pub versions: &'static [(&'static str, &'static str, &'static str)],
    /// What a person is told who waits for it the first time.
    pub cost: &'static str,
}

impl GoModule {
    /// The folder with the finished binaries.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let source = self.source();
        let key = self.key(&source)?;
        let bin = paths::cache()?.join("bin");
        let done = bin.join(format!("{}-{key}", self.folder));
        if done.is_dir() {
            return Ok(done);
        }
        let _lock = lock::hold(&bin.join(format!("{}.lock", self.folder)))?;
        if done.is_dir() {
            return Ok(done);
        }
        progress::once(&format!("building {} from Go modules", self.folder), self.cost, || {
            let unfinished = bin.join(format!("{}.unfinished", self.folder));
            let _ = std::fs::remove_dir_all(&unfinished);
            std::fs::create_dir_all(&unfinished)
                .with_context(|| format!("making {}", unfinished.display()))?;
            run(&mut self.command(&source, &unfinished)?)?;
            std::fs::rename(&unfinished, &done).with_context(|| format!("moving to {}", done.display()))
        })?;
        Ok(done)
    }

    /// The version of a module that this one requires.
    pub(crate) fn version(&self, module: &str) -> Result<String> {
        let path = self.source().join("go.mod");
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut required = text.lines().map(|line| line.trim().trim_start_matches("require "));
        let found = required.find_map(|line| line.strip_prefix(module)?.strip_prefix(' ')?.split(' ').next());
        Ok(found.with_context(|| format!("{} doesn't require {module}", path.display()))?.to_owned())
    }

    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.folder)
    }

    fn command(&self, source: &Path, output: &Path) -> Result<Command> {
        let mut flags = "-s -w".to_owned();
        for (variable, module, prefix) in self.versions {
            let version = self.version(module)?;
            flags.extend([" -X ", variable, "=", version.trim_start_matches(prefix)]);
        }
        let mut command = Command::new("go");
        command.current_dir(source).env("CGO_ENABLED", "0").args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-mod=readonly",
        ]);
        command.arg(format!("-tags={}", self.tags)).arg(format!("-ldflags={flags}"));
        command.arg("-o").arg(format!("{}/", output.display())).args(self.packages);
        Ok(command)
    }

    fn key(&self, source: &Path) -> Result<String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(source)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .with_context(|| format!("reading {}", source.display()))?;
        files.sort();
        if files.is_empty() {
            bail!("nothing to build in {}", source.display());
        }
        let mut all =
            format!("{:?}\n{}", self, run(Command::new("go").args(["env", "GOVERSION", "GOARCH"]))?)
                .into_bytes();
        for file in files {
            all.extend(std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
        }
        Ok(digest::short(&all))
    }
}

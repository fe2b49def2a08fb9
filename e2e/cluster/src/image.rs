//! Container images without a container engine: a root file system of Debian packages as one layer, the program as
//! another, in an OCI archive. The same contents give the same bytes, and are built once.

mod archive;
mod debian;
mod layer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use self::layer::Entry;
use self::layer::Layer;
use crate::{digest, lock, paths};

/// Who runs in an image: a user with no rights and no name elsewhere.
pub const USER: u32 = 65532;

/// What an image is made of.
#[derive(Debug)]
pub struct Image<'a> {
    /// Its full reference, such as `wickr.local/wickr-server:dev`.
    pub name: &'a str,
    /// What is below: libc, libgcc and the CA certificates, or nothing for a program that needs nothing.
    pub base: Base,
    /// Its own files.
    pub entries: Vec<Entry>,
    /// The program to run, with arguments.
    pub entrypoint: &'a [&'a str],
    /// The user it runs as.
    pub user: u32,
    /// `org.opencontainers.image.*` and others.
    pub labels: BTreeMap<String, String>,
}

/// The lower layer of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing: the program is linked statically.
    Empty,
    /// Debian's libc6, libgcc-s1 and ca-certificates, without a shell.
    Debian,
    /// The same with busybox and links to all it can do, for tests and never below a program of ours.
    Busybox,
}

/// An image of one of our programs: `/usr/local/bin/PROGRAM` on Debian's libc. Gives the archive's path.
pub fn build(name: &str, program: &Path, labels: &BTreeMap<String, String>) -> Result<PathBuf> {
    let file = program.file_name().and_then(|file| file.to_str()).context("a program without a name")?;
    let inside = format!("/usr/local/bin/{file}");
    let entries = vec![Entry::program(&inside, program)];
    Image { name, base: Base::Debian, entries, entrypoint: &[&inside], user: USER, labels: labels.clone() }
        .build()
}

impl Image<'_> {
    /// Builds the archive, unless one of the same contents is in the cache.
    pub fn build(&self) -> Result<PathBuf> {
        let folder = paths::cache()?.join("images");
        let base = match self.base {
            Base::Empty => None,
            Base::Debian => Some(debian::layer(&folder, &[])?),
            Base::Busybox => Some(debian::layer(&folder, &["busybox"])?),
        };
        let key = self.key(base.as_ref())?;
        let path = folder.join(format!("{}-{key}.tar", self.name.replace(['/', ':'], "_")));
        if path.exists() {
            return Ok(path);
        }
        let _lock = lock::hold(&path.with_extension("lock"))?;
        if !path.exists() {
            let own = Layer::of(&self.entries)?;
            let layers: Vec<&Layer> = base.iter().chain(std::iter::once(&own)).collect();
            let unfinished = path.with_extension("unfinished");
            fs::write(&unfinished, archive::of(self, &layers)?)
                .with_context(|| format!("writing {}", unfinished.display()))?;
            fs::rename(&unfinished, &path).with_context(|| format!("moving to {}", path.display()))?;
        }
        let _ = fs::remove_file(path.with_extension("lock"));
        Ok(path)
    }

    fn key(&self, base: Option<&Layer>) -> Result<String> {
        let mut all = format!("{:?}", (self.name, self.entrypoint, self.user, &self.labels));
        all += base.map_or("", |layer| &layer.digest);
        for entry in &self.entries {
            all += &entry.fingerprint()?;
        }
        Ok(digest::short(all.as_bytes()))
    }
}

//! One image: a root file system of Debian packages as one layer, the program as another, in an OCI archive. The same
//! contents give the same bytes.

mod archive;
mod debian;
mod layer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use wickr_steps::progress::say;
use wickr_steps::{cache, lock};

pub use self::archive::Archive;
use self::debian::Debian;
pub use self::debian::is_kept;
pub use self::layer::Entry;
use self::layer::Layer;
use crate::digest;
use crate::packages::{Package, fetch, locked, offered};

/// Who runs in an image: a user with no rights and no name elsewhere.
pub const USER: u32 = 65532;

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its full reference, such as `wickr.local/wickr-server:dev`.
    pub name: String,
    /// What is below the program.
    pub base: Base,
    /// Its own files.
    pub entries: Vec<Entry>,
    /// The program to run, with arguments.
    pub entrypoint: Vec<String>,
    /// The user it runs as.
    pub user: u32,
    /// `org.opencontainers.image.*` and others.
    pub labels: BTreeMap<String, String>,
    /// When its source was written; not when it was built.
    pub created: Timestamp,
}

/// The lower layer of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing: the program is linked statically.
    Empty,
    /// libc, libgcc and the CA certificates, without a shell, of the very packages that debian.lock names.
    Locked,
    /// The same of the packages that this machine's lists offer today.
    Offered,
    /// As [`Base::Offered`], with busybox and links to all it can do; for tests and never below a program of ours.
    Busybox,
}

impl Base {
    /// [`Base::Locked`], or [`Base::Offered`] where its packages can't be had: good for tests and demo, which must run on
    /// every Debian and on every day. Says so.
    pub fn here() -> Self {
        match Self::Locked
            .packages()
            .and_then(|packages| packages.iter().try_for_each(|one| fetch(one).map(drop)))
        {
            Ok(()) => Self::Locked,
            Err(error) => {
                say(&format!("{error:#}\nimages are built on what this machine offers instead"));
                Self::Offered
            }
        }
    }

    pub(crate) fn packages(self) -> Result<Vec<Package>> {
        match self {
            Self::Empty => Ok(Vec::new()),
            Self::Locked => locked(),
            Self::Offered => offered(&debian::OFFERED),
            Self::Busybox => offered(&[&debian::OFFERED[..], &["busybox"]].concat()),
        }
    }
}

/// An image of one program, `/usr/local/bin/PROGRAM` on this machine's Debian. Gives the archive's path.
pub fn build(name: &str, program: &Path, labels: &BTreeMap<String, String>) -> Result<PathBuf> {
    let file = program.file_name().and_then(|file| file.to_str()).context("a program without a name")?;
    let inside = format!("/usr/local/bin/{file}");
    let image = Image {
        name: name.to_owned(),
        base: Base::Offered,
        entries: vec![Entry::program(&inside, program)],
        entrypoint: vec![inside],
        user: USER,
        labels: labels.clone(),
        created: Timestamp::UNIX_EPOCH,
    };
    image.build()
}

impl Image {
    /// The archive in the cache, packed unless one of the same contents is there.
    pub fn build(&self) -> Result<PathBuf> {
        let folder = cache()?.join("images");
        let debian = self.debian()?;
        let key = self.key(debian.as_ref())?;
        let path = folder.join(format!("{}-{key}.tar", self.name.replace(['/', ':'], "_")));
        if path.exists() {
            return Ok(path);
        }
        let _lock = lock::hold(&path.with_extension("lock"))?;
        if !path.exists() {
            let unfinished = path.with_extension("unfinished");
            fs::write(&unfinished, self.pack_on(debian.as_ref())?.bytes)
                .with_context(|| format!("writing {}", unfinished.display()))?;
            fs::rename(&unfinished, &path).with_context(|| format!("moving to {}", path.display()))?;
        }
        let _ = fs::remove_file(path.with_extension("lock"));
        Ok(path)
    }

    /// Packed anew.
    pub fn pack(&self) -> Result<Archive> {
        self.pack_on(self.debian()?.as_ref())
    }

    fn pack_on(&self, debian: Option<&Debian>) -> Result<Archive> {
        let base = debian.map(Debian::layer).transpose()?;
        let own = Layer::of(&self.entries)?;
        let layers: Vec<&Layer> = base.iter().chain(std::iter::once(&own)).collect();
        archive::of(self, &layers)
    }

    fn debian(&self) -> Result<Option<Debian>> {
        let packages = self.base.packages()?;
        Ok((!packages.is_empty()).then_some(Debian(packages)))
    }

    fn key(&self, debian: Option<&Debian>) -> Result<String> {
        let mut all = format!("{:?}", (&self.name, &self.entrypoint, self.user, &self.labels, self.created));
        all += &debian.map_or_else(String::new, Debian::key);
        for entry in &self.entries {
            all += &entry.fingerprint()?;
        }
        Ok(digest::short(all.as_bytes()))
    }
}

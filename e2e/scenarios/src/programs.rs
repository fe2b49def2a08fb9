//! Our own programs, built for images and for people, and the two images made of them. Release builds;
//! with `WICKR_PROGRAMS=debug` in the environment debug builds, for whoever is changing them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use wickr_cluster::image;

use crate::samples::repository;

/// Where the built programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

/// An image archive and the name that pods ask for.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program in it.
    pub program: &'static str,
    /// Reference in manifests; its tag tells the contents, so that a changed program is a changed image.
    pub name: String,
    /// OCI archive.
    pub archive: PathBuf,
}

const PACKAGES: [&str; 4] = ["wickr-operator", "wickr-server", "wickr-cli", "wickr-operator-plugin"];

const IMAGES: [(&str, &str); 2] = [
    ("wickr-operator", "Reconciles networks and identity providers"),
    ("wickr-server", "Relay and sign-in of a network"),
];

impl Programs {
    /// Builds what is not up to date.
    pub fn build() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let debug = std::env::var_os("WICKR_PROGRAMS").is_some_and(|profile| profile == "debug");
        let status = Command::new(cargo)
            .args(["build", "--quiet"])
            .args((!debug).then_some("--release"))
            .args(PACKAGES.iter().flat_map(|package| ["-p", package]))
            .current_dir(repository())
            .status()
            .context("starting cargo")?;
        if !status.success() {
            bail!("building the release programs failed: run `cargo build --release` to see why");
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
        Ok(Self { folder: target.join(if debug { "debug" } else { "release" }) })
    }

    /// The path of one program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// The images, built unless the cache has them with the same contents.
    pub fn images(&self) -> Result<Vec<Built>> {
        IMAGES
            .iter()
            .map(|(program, description)| {
                let path = self.path(program);
                let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                let digest = hex::encode(digest(&SHA256, &bytes));
                let name = format!("wickr.local/{program}:{}", &digest[..12]);
                let labels = BTreeMap::from([
                    ("org.opencontainers.image.title".to_owned(), (*program).to_owned()),
                    ("org.opencontainers.image.description".to_owned(), (*description).to_owned()),
                    ("org.opencontainers.image.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                    ("org.opencontainers.image.licenses".to_owned(), "Apache-2.0".to_owned()),
                ]);
                let archive =
                    image::build(&name, &path, &labels).with_context(|| format!("building image {name}"))?;
                Ok(Built { program, name, archive })
            })
            .collect()
    }
}

//! Our own programs, built for images and for people. The services are the release builds that `cargo xtask images`
//! makes images of; with `WICKR_PROGRAMS=debug` in the environment debug builds, for whoever is changing them.
//! People's two programs are debug builds: tests have them built already, and nothing is measured with them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use wickr_images::image::Base;
use wickr_images::{SERVICES, Tree, digest};

use crate::ground::Registry;

/// Where the built programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    tree: Tree,
    services: PathBuf,
    people: PathBuf,
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

/// The registry in the names of images that no registry has: they are loaded into the node.
pub const NO_REGISTRY: &str = "wickr.local";

/// Package and program.
const PEOPLE: [(&str, &str); 2] = [("wickr-cli", "wickr"), ("wickr-operator-plugin", "kubectl-wickr")];

impl Built {
    /// Pushes it to the registry in its name.
    pub fn push(&self, registry: &Registry) -> Result<()> {
        let mut skopeo = Command::new("skopeo");
        skopeo
            .args(["copy", "--quiet", "--insecure-policy"])
            .arg(format!("--dest-tls-verify={}", !registry.plain));
        skopeo.arg(format!("oci-archive:{}", self.archive.display())).arg(format!("docker://{}", self.name));
        let output = skopeo.output().context("starting skopeo")?;
        if !output.status.success() {
            bail!(
                "pushing {}: {}. Next: check --registry, and sign in to it with skopeo login",
                self.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}

impl Programs {
    /// Builds what is not up to date.
    pub fn build() -> Result<Self> {
        let tree = Tree::here()?;
        let mut programs = PEOPLE.to_vec();
        let people = tree.target.join("debug");
        let services = if std::env::var_os("WICKR_PROGRAMS").is_some_and(|profile| profile == "debug") {
            programs.extend(SERVICES.map(|service| (service.name, service.name)));
            people.clone()
        } else {
            tree.build()?
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--locked"])
            .args(programs.iter().flat_map(|(package, program)| ["--package", package, "--bin", program]))
            .current_dir(&tree.source)
            .status()
            .context("starting cargo")?;
        if !status.success() {
            bail!("building our programs failed: run `cargo build` to see why");
        }
        Ok(Self { tree, services, people })
    }

    /// The path of one of people's programs.
    pub fn path(&self, program: &str) -> PathBuf {
        self.people.join(program)
    }

    /// The images, built unless the cache has them with the same contents. Their names begin with `registry`.
    pub fn images(&self, registry: &str) -> Result<Vec<Built>> {
        let (base, commit) = (Base::here(), self.tree.commit()?);
        SERVICES
            .iter()
            .map(|service| {
                let path = self.services.join(service.name);
                let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                let tag = digest::short(&bytes);
                let name = format!("{registry}/{}:{}", service.name, &tag[..12]);
                let archive = service
                    .image(&name, base, &path, &commit)
                    .build()
                    .with_context(|| format!("building image {name}"))?;
                Ok(Built { program: service.name, name, archive })
            })
            .collect()
    }
}

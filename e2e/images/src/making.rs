//! Makes a service's image: checks the program, packs, checks what was packed, and writes the bill beside it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::Base;
use crate::release::Tree;
use crate::sbom::Contents;
use crate::{Service, contents, leaks, sbom};

/// A finished image.
#[derive(Debug)]
pub struct Made {
    /// Of which service.
    pub service: Service,
    /// `sha256:...`, what a registry knows it by.
    pub digest: String,
    /// What a node downloads, in bytes.
    pub size: usize,
    /// OCI archive.
    pub archive: PathBuf,
    /// CycloneDX document.
    pub bill: PathBuf,
}

/// Makes one of the program in `programs`, into the folder `out`.
pub fn make(service: Service, base: Base, tree: &Tree, programs: &Path, out: &Path) -> Result<Made> {
    let name = service.name;
    let program = programs.join(name);
    let bytes = fs::read(&program).with_context(|| format!("reading {}", program.display()))?;
    let leaks = leaks::leaks(&bytes, tree);
    if let Some(leak) = leaks.first() {
        anyhow::bail!(
            "{name} names {} in {} places, so that nobody else can build the same: '{}'",
            leak.what,
            leaks.len(),
            leak.around
        );
    }
    let commit = tree.commit()?;
    let image = service.image(&format!("{name}:{}", env!("CARGO_PKG_VERSION")), base, &program, &commit);
    let archive = image.pack()?;
    ensure!(
        archive.size <= service.limit,
        "the image {name} has {} bytes, {} more than it may (docs/images.md)",
        archive.size,
        archive.size - service.limit
    );
    let findings = contents::findings(&archive.bytes, &service.inside())?;
    ensure!(findings.is_empty(), "the image {name} must not have this:\n{}", findings.join("\n"));
    let bill = {
        let (program, image, packages) = (&bytes, &archive.digest, &base.packages()?);
        sbom::document(service, tree, &Contents { program, image, packages, commit: &commit })?
    };

    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let write = |ending: &str, bytes: &[u8]| {
        let path = out.join(format!("{name}{ending}"));
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    Ok(Made {
        service,
        digest: archive.digest,
        size: archive.size,
        archive: write(".oci.tar", &archive.bytes)?,
        bill: write(".cdx.json", &bill)?,
    })
}

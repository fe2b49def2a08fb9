//! The samples of `manifests/samples`: each says by its name, and by its first line, what the API server does with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// One sample file: documents to be applied in order.
#[derive(Debug)]
pub struct Sample {
    /// The file's name.
    pub name: String,
    /// Each YAML document of it.
    pub documents: Vec<String>,
    /// What the API server says to the last document; `None` if it takes all of them.
    pub refused_with: Option<String>,
}

/// The repository's top folder.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// All samples, by name.
pub fn all() -> Result<Vec<Sample>> {
    let folder = repository().join("manifests/samples");
    let mut samples = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.context("reading an entry")?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("reading {name}"))?;
        samples.push(read(name, &text)?);
    }
    samples.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(samples)
}

fn read(name: String, text: &str) -> Result<Sample> {
    let said = text.lines().next().and_then(|line| line.strip_prefix("# refused: ")).map(str::to_owned);
    let refused_with = match (name.ends_with(".accepted.yaml"), name.ends_with(".refused.yaml"), said) {
        (true, _, None) => None,
        (_, true, Some(said)) => Some(said),
        _ => bail!(
            "{name}: name it NAME.accepted.yaml, or NAME.refused.yaml with a first line \"# refused: WHAT THE SERVER SAYS\""
        ),
    };
    let documents =
        text.split("\n---\n").map(str::to_owned).filter(|document| has_content(document)).collect();
    Ok(Sample { name, documents, refused_with })
}

fn has_content(document: &str) -> bool {
    document.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

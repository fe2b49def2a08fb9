//! One layer: a sorted tar without times or owners, compressed with zstd.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};

use crate::digest;

/// Fast, and half of the size; more would cost seconds for bytes that never travel.
const LEVEL: i32 = 3;

/// A file in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Without a leading slash.
    pub(super) path: PathBuf,
    mode: u32,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Folder,
    Link(PathBuf),
    File(PathBuf),
    Text(String),
}

impl Entry {
    /// An executable copied from `source`.
    pub fn program(path: &str, source: &Path) -> Self {
        Self::new(path, 0o755, Content::File(source.to_owned()))
    }

    /// A file copied from `source` with this mode.
    pub fn file(path: &str, mode: u32, source: &Path) -> Self {
        Self::new(path, mode, Content::File(source.to_owned()))
    }

    /// A small file.
    pub fn text(path: &str, text: &str) -> Self {
        Self::new(path, 0o644, Content::Text(text.to_owned()))
    }

    /// A folder.
    pub fn folder(path: &str, mode: u32) -> Self {
        Self::new(path, mode, Content::Folder)
    }

    /// A symbolic link.
    pub fn link(path: &str, target: &Path) -> Self {
        Self::new(path, 0o777, Content::Link(target.to_owned()))
    }

    fn new(path: &str, mode: u32, content: Content) -> Self {
        Self { path: PathBuf::from(path.trim_start_matches('/')), mode, content }
    }

    /// Changes when the file does.
    pub fn fingerprint(&self) -> Result<String> {
        let content = match &self.content {
            Content::File(source) => digest::sha256(&read(source)?),
            other => format!("{other:?}"),
        };
        Ok(format!("{}:{:o}:{content}\n", self.path.display(), self.mode))
    }
}

/// A layer's compressed bytes and what they are without.
#[derive(Debug)]
pub(super) struct Layer {
    /// Compressed.
    pub bytes: Vec<u8>,
    /// Of the tar.
    pub diff_id: String,
}

impl Layer {
    /// Packs the entries.
    pub(super) fn of(entries: &[Entry]) -> Result<Self> {
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort();
        let mut tar = Builder::new(Vec::new());
        for entry in sorted {
            append(&mut tar, entry).with_context(|| format!("packing {}", entry.path.display()))?;
        }
        let tar = tar.into_inner().context("packing a layer")?;
        let bytes = zstd::bulk::compress(&tar, LEVEL).context("compressing a layer")?;
        Ok(Self { diff_id: digest::sha256(&tar), bytes })
    }
}

fn append(tar: &mut Builder<Vec<u8>>, entry: &Entry) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match &entry.content {
        Content::Folder => {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, &entry.path, std::io::empty())?;
        }
        Content::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, &entry.path, target)?;
        }
        Content::File(source) => file(tar, header, &entry.path, &read(source)?)?,
        Content::Text(text) => file(tar, header, &entry.path, text.as_bytes())?,
    }
    Ok(())
}

fn file(tar: &mut Builder<Vec<u8>>, mut header: Header, path: &Path, bytes: &[u8]) -> Result<()> {
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes).context("adding a file")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        let (a, b) = (Entry::text("/etc/a", "1"), Entry::folder("/etc", 0o755));
        let one = Layer::of(&[a.clone(), b.clone()]).unwrap();
        let other = Layer::of(&[b, a]).unwrap();
        assert_eq!(one.bytes, other.bytes);
        let tar = zstd::stream::decode_all(other.bytes.as_slice()).unwrap();
        assert_eq!(one.diff_id, digest::sha256(&tar));
    }
}

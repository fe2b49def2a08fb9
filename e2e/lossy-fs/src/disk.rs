//! What is written, and what of it would survive: each file has an undo log since its last sync.
//! How the kernel gets at it: `mount`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use parking_lot::Mutex;

/// Number of the root folder, fixed by FUSE.
pub(crate) const ROOT: u64 = 1;

/// A disk that outlives its mounts. Clones share it.
#[derive(Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    off: bool,
}

/// A file or a folder.
pub(crate) enum Node {
    File(File),
    Folder(Folder),
}

#[derive(Default)]
pub(crate) struct File {
    pub(crate) data: Vec<u8>,
    undo: Vec<Undo>,
    born: Option<Born>,
}

#[derive(Default)]
pub(crate) struct Folder {
    pub(crate) names: BTreeMap<OsString, u64>,
    synced: BTreeMap<OsString, u64>,
    born: Option<Born>,
}

/// Where a node was made, until its name is synced.
type Born = (u64, OsString);

/// How one write is taken back: the bytes that stood at `at`, and the length before.
struct Undo {
    at: usize,
    before: Vec<u8>,
    length: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([(ROOT, Node::Folder(Folder::default()))]), next: ROOT + 1, off: false }
    }
}

impl Disk {
    /// Stops every further write and sync: the instant at which the power goes.
    pub fn cut(&self) {
        self.state.lock().off = true;
    }

    /// The power is back: what was not synced before the cut is gone.
    pub fn restore(&self) {
        let mut state = self.state.lock();
        for node in state.nodes.values_mut() {
            match node {
                Node::File(file) => file.take_back(),
                Node::Folder(folder) => folder.names.clone_from(&folder.synced),
            }
        }
        state.off = false;
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock())
    }
}

impl State {
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    pub(crate) fn node(&mut self, number: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    pub(crate) fn folder(&mut self, number: u64) -> Option<&mut Folder> {
        match self.nodes.get_mut(&number)? {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        }
    }

    pub(crate) fn file(&mut self, number: u64) -> Option<&mut File> {
        match self.nodes.get_mut(&number)? {
            Node::File(file) => Some(file),
            Node::Folder(_) => None,
        }
    }

    pub(crate) fn lookup(&mut self, parent: u64, name: &OsStr) -> Option<u64> {
        self.folder(parent)?.names.get(name).copied()
    }

    /// Makes a node in `parent`; the caller has seen that the name is free.
    pub(crate) fn add(&mut self, parent: u64, name: &OsStr, folder: bool) -> Option<u64> {
        let number = self.next;
        self.folder(parent)?.names.insert(name.to_owned(), number);
        self.next += 1;
        let born = Some((parent, name.to_owned()));
        let node = if folder {
            Node::Folder(Folder { born, ..Folder::default() })
        } else {
            Node::File(File { born, ..File::default() })
        };
        self.nodes.insert(number, node);
        Some(number)
    }

    /// Syncs a file: its data, and its name and those of its folders if they never were.
    pub(crate) fn sync_file(&mut self, number: u64) -> Option<()> {
        self.file(number)?.undo.clear();
        self.sync_birth(number)
    }

    /// Syncs the names in a folder, and its own.
    pub(crate) fn sync_folder(&mut self, number: u64) -> Option<()> {
        let folder = self.folder(number)?;
        folder.synced.clone_from(&folder.names);
        self.sync_birth(number)
    }

    fn sync_birth(&mut self, number: u64) -> Option<()> {
        let born = match self.node(number)? {
            Node::File(file) => file.born.take(),
            Node::Folder(folder) => folder.born.take(),
        };
        let Some((parent, name)) = born else { return Some(()) };
        let folder = self.folder(parent)?;
        if folder.names.get(&name) == Some(&number) {
            folder.synced.insert(name, number);
        }
        self.sync_birth(parent)
    }
}

impl File {
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        let length = self.data.len();
        let end = at + bytes.len();
        let before = self.data.get(at..end.min(length)).unwrap_or_default().to_vec();
        self.undo.push(Undo { at, before, length });
        if end > length {
            self.data.resize(end, 0);
        }
        self.data[at..end].copy_from_slice(bytes);
    }

    pub(crate) fn resize(&mut self, to: usize) {
        let length = self.data.len();
        let before = self.data.get(to..).unwrap_or_default().to_vec();
        self.undo.push(Undo { at: to, before, length });
        self.data.resize(to, 0);
    }

    fn take_back(&mut self) {
        for undo in self.undo.drain(..).rev() {
            self.data.resize(undo.length, 0);
            self.data[undo.at.min(undo.length)..][..undo.before.len()].copy_from_slice(&undo.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(disk: &Disk, bytes: &[u8]) -> u64 {
        disk.with(|state| {
            let number = state.add(ROOT, OsStr::new("log"), false).unwrap();
            state.file(number).unwrap().write(0, bytes);
            state.sync_file(number).unwrap();
            number
        })
    }

    #[test]
    fn writes_and_truncations_since_the_last_sync_are_taken_back() {
        let disk = Disk::default();
        let number = file_with(&disk, b"synced");
        disk.with(|state| {
            let file = state.file(number).unwrap();
            file.write(0, b"SYN");
            file.write(6, b" and more");
            file.resize(2);
            file.write(10, b"far");
        });
        disk.restore();
        disk.with(|state| assert_eq!(state.file(number).unwrap().data, b"synced"));
    }

    #[test]
    fn a_name_survives_from_the_sync_of_its_file_or_folder() {
        let disk = Disk::default();
        file_with(&disk, b"x");
        disk.with(|state| state.add(ROOT, OsStr::new("never-synced"), false));
        disk.restore();
        disk.with(|state| {
            assert!(state.lookup(ROOT, OsStr::new("log")).is_some());
            assert!(state.lookup(ROOT, OsStr::new("never-synced")).is_none());
        });
    }
}

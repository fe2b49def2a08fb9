//! Turns: work on the same thing runs one after the other, on different things mostly side by side.

use std::hash::{BuildHasher as _, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 256;

/// A fixed number of locks; a thing always has the same one, and nobody outside knows which.
#[derive(Debug)]
pub(crate) struct Stripes {
    locks: Vec<Mutex<()>>,
    /// With keys of this process: a stranger can't choose an id that waits in somebody's line.
    hasher: RandomState,
}

impl Default for Stripes {
    fn default() -> Self {
        Self { locks: (0..STRIPES).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Stripes {
    /// Waits for the turn of `thing`.
    pub(crate) async fn turn(&self, thing: impl Hash) -> MutexGuard<'_, ()> {
        let at = usize::try_from(self.hasher.hash_one(thing)).unwrap_or(usize::MAX) % STRIPES;
        self.locks[at].lock().await
    }
}

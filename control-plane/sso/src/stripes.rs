//! Turns: work on the same thing runs one after the other, on different things mostly side by side.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 256;

/// A fixed number of locks; a thing always has the same one.
#[derive(Debug)]
pub(crate) struct Stripes(Vec<Mutex<()>>);

impl Default for Stripes {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::default()).collect())
    }
}

impl Stripes {
    /// Waits for the turn of `thing`.
    pub(crate) async fn turn(&self, thing: impl Hash) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        let at = usize::try_from(hasher.finish()).unwrap_or(usize::MAX) % STRIPES;
        self.0[at].lock().await
    }
}

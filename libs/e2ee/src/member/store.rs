//! Where a member's state is kept: three calls that the SDK implements on its open transaction.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use wickr_base::{GroupId, Secret};

use crate::KeyPackageRef;

/// Names one stored value. All hold secrets except `Tree`; seal them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record<'a> {
    /// The group's state without its tree: epoch secrets, a pending commit, waiting proposals. Changes with each call.
    State(&'a GroupId),
    /// The ratchet tree; changes with the epoch only.
    Tree(&'a GroupId),
    /// An earlier epoch's secrets, for messages that were sealed in it. At most two per group.
    Epoch(&'a GroupId, u64),
    /// The private half of a key package.
    KeyPackage(&'a KeyPackageRef),
}

/// A key, distinct for distinct records: `state/GROUP`, `tree/GROUP`, `epoch/GROUP/N`, `key-package/HEX`.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(group) => write!(f, "state/{group}"),
            Self::Tree(group) => write!(f, "tree/{group}"),
            Self::Epoch(group, epoch) => write!(f, "epoch/{group}/{epoch}"),
            Self::KeyPackage(reference) => write!(f, "key-package/{reference}"),
        }
    }
}

/// The SDK's store, as seen from here: implement it on an open transaction, so that MLS state, opened message and
/// cursor become durable together or not at all.
///
/// Order that keeps secrets single-use: `Room::seal` or a commit, `Room::save`, commit the transaction, then send.
/// After a failure roll back and drop the `Room`: its memory is ahead of the store. Nothing here keeps a transaction
/// open between calls.
pub trait Store {
    /// What the store fails with.
    type Error: std::error::Error + Send + Sync + 'static;
    /// The value, if it was saved.
    fn load(&self, record: &Record<'_>) -> Result<Option<Secret<Vec<u8>>>, Self::Error>;
    /// Saves or replaces.
    fn save(&mut self, record: &Record<'_>, value: &[u8]) -> Result<(), Self::Error>;
    /// Forgets; no error when there is none.
    fn delete(&mut self, record: &Record<'_>) -> Result<(), Self::Error>;
}

/// A store in memory; cloning it is a transaction's copy. For tests and for rehearsals.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(BTreeMap<String, Secret<Vec<u8>>>);

impl MemoryStore {
    /// Its keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn load(&self, record: &Record<'_>) -> Result<Option<Secret<Vec<u8>>>, Infallible> {
        Ok(self.0.get(&record.to_string()).cloned())
    }

    fn save(&mut self, record: &Record<'_>, value: &[u8]) -> Result<(), Infallible> {
        self.0.insert(record.to_string(), Secret::new(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, record: &Record<'_>) -> Result<(), Infallible> {
        self.0.remove(&record.to_string());
        Ok(())
    }
}

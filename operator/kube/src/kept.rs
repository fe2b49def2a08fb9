//! The objects of one kind as the cache keeps them: compact JSON, found by key and by word (asked through `cache`).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use wickr_operator_core::drift::retain_managers;

use crate::{Key, Live, Standing};

/// How many deletions are remembered, so that the answer to a write can't bring back what went meanwhile.
const REMEMBERED: usize = 4096;

/// Under which words an object is found besides its key.
pub type Index = Arc<dyn Fn(&Live) -> Vec<String> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Kind {
    pub(crate) objects: BTreeMap<Key, Stored>,
    pub(crate) index: Option<Index>,
    pub(crate) words: HashMap<String, BTreeSet<Key>>,
    pub(crate) gone: VecDeque<(Key, u64)>,
    /// Scopes (a namespace, or `""` for all) and how their watch stands.
    pub(crate) scopes: BTreeMap<String, Standing>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) body: Box<[u8]>,
    pub(crate) words: Vec<String>,
    /// The controller that wrote this version, until the watch has shown it.
    pub(crate) by: Option<String>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kind")
            .field("objects", &self.objects.len())
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl Kind {
    /// Keeps an object unless something newer is known of it.
    pub(crate) fn keep(&mut self, live: &Live, by: Option<String>) -> bool {
        let (key, version) = (live.key(), live.version());
        let known = self.objects.get(&key).map(|stored| stored.version);
        let gone = self.gone.iter().rev().find(|(gone, _)| *gone == key).map(|(_, version)| *version);
        if known.max(gone).is_some_and(|known| known >= version) {
            return false;
        }
        let words = self.index.as_ref().map(|index| index(live)).unwrap_or_default();
        for word in &words {
            self.words.entry(word.clone()).or_default().insert(key.clone());
        }
        let stored = Stored { version, body: pack(live), words, by };
        if let Some(before) = self.objects.insert(key.clone(), stored.clone()) {
            self.unindex(&key, before.words.iter().filter(|word| !stored.words.contains(word)));
        }
        true
    }

    pub(crate) fn forget(&mut self, key: &Key, version: u64) -> bool {
        if self.objects.get(key).is_some_and(|stored| stored.version > version) {
            return false;
        }
        self.gone.push_back((key.clone(), version));
        if self.gone.len() > REMEMBERED {
            self.gone.pop_front();
        }
        let Some(stored) = self.objects.remove(key) else { return false };
        self.unindex(key, stored.words.iter());
        true
    }

    pub(crate) fn unindex<'a>(&mut self, key: &Key, words: impl Iterator<Item = &'a String>) {
        for word in words {
            if let Some(keys) = self.words.get_mut(word) {
                keys.remove(key);
                if keys.is_empty() {
                    self.words.remove(word);
                }
            }
        }
    }
}

/// Others' field sets are never read here and are most of an object's size.
fn pack(live: &Live) -> Box<[u8]> {
    let mut slim = live.clone();
    retain_managers(slim.value_mut(), |manager| manager.starts_with("wickr-"));
    serde_json::to_vec(slim.value()).unwrap_or_default().into()
}

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
    pub(crate) gone: VecDeque<Gone>,
    /// How many lists have begun.
    pub(crate) round: u64,
    /// Scopes (a namespace, or `""` for all) and how their watch stands.
    pub(crate) scopes: BTreeMap<String, Standing>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) body: Box<[u8]>,
    pub(crate) words: Vec<String>,
    /// How many lists had begun when it was last shown.
    pub(crate) round: u64,
    /// The controller that wrote this version, until the watch has shown it.
    pub(crate) by: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Gone {
    key: Key,
    version: u64,
    round: u64,
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
    /// Keeps an object unless something newer is known of it: of all that is known, or for an object of a list of what
    /// was shown `since` that list began. What a list shows is as new as its begin, whatever its version: after a restore
    /// of etcd versions are lower than before.
    pub(crate) fn keep(&mut self, live: &Live, by: Option<String>, since: Option<u64>) -> bool {
        let (key, version, round) = (live.key(), live.version(), self.round);
        let counts = |round| since.is_none_or(|since| round >= since);
        let known = self.objects.get(&key).filter(|stored| counts(stored.round)).map(|stored| stored.version);
        let gone = self.gone.iter().rev().find(|gone| gone.key == key && counts(gone.round));
        if known.max(gone.map(|gone| gone.version)).is_some_and(|known| known >= version) {
            return false;
        }
        let words = self.index.as_ref().map(|index| index(live)).unwrap_or_default();
        for word in &words {
            self.words.entry(word.clone()).or_default().insert(key.clone());
        }
        let stored = Stored { version, body: pack(live), words, round, by };
        if let Some(before) = self.objects.insert(key.clone(), stored.clone()) {
            self.unindex(&key, before.words.iter().filter(|word| !stored.words.contains(word)));
        }
        true
    }

    pub(crate) fn forget(&mut self, key: &Key, version: u64) -> bool {
        if self.objects.get(key).is_some_and(|stored| stored.version > version) {
            return false;
        }
        self.gone.push_back(Gone { key: key.clone(), version, round: self.round });
        if self.gone.len() > REMEMBERED {
            self.gone.pop_front();
        }
        self.drop_object(key).is_some()
    }

    /// What a list that began as number `round` did not show, nor anything since: gone, and nothing of it is remembered,
    /// so that it is taken in whatever its version when it comes again.
    pub(crate) fn forget_unlisted(&mut self, scope: &str, round: u64) -> Vec<(Key, Stored)> {
        let within = |key: &Key| scope.is_empty() || key.namespace == scope;
        self.gone.retain(|gone| !within(&gone.key) || gone.round >= round);
        let missing = self.objects.iter().filter(|(key, stored)| within(key) && stored.round < round);
        let missing: Vec<Key> = missing.map(|(key, _)| key.clone()).collect();
        missing.into_iter().filter_map(|key| Some((key.clone(), self.drop_object(&key)?))).collect()
    }

    /// Takes an object out, without remembering that it was there.
    pub(crate) fn drop_object(&mut self, key: &Key) -> Option<Stored> {
        let stored = self.objects.remove(key)?;
        self.unindex(key, stored.words.iter());
        Some(stored)
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
pub(crate) fn pack(live: &Live) -> Box<[u8]> {
    let mut slim = live.clone();
    retain_managers(slim.value_mut(), |manager| manager.starts_with("wickr-"));
    serde_json::to_vec(slim.value()).unwrap_or_default().into()
}

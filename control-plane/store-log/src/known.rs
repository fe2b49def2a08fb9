//! Which ids can't have been answered before: most of what arrives is new, and looking for it in the store costs more
//! than anything else that the writer does. What is only *perhaps* known is looked for in the store (`stage.rs`).
//!
//! Bloom filters of one cache line per id, in layers that fill up one after another. Every remembered answer is in one
//! of them: those of this run from the moment they are staged, those of earlier runs once they have been read, a bite
//! with each batch; until the last was read everything counts as perhaps known. Past its bounds it gives up and
//! everything is looked for again.

use fjall::Keyspace;
use wickr_store::queue::StoreError;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::step;
use crate::keys::AnswerKey;

/// Answers of earlier runs that are read with each batch.
const BITE: usize = 512;

/// Ids in one layer, for about one false alarm in a hundred.
const FULL: usize = 800_000;

/// More layers than this are not kept: 16 MiB, and 12.8 million ids.
const LAYERS: usize = 16;

const BLOCKS: usize = 1 << 14;
const WORDS: usize = 8;
const PROBES: u32 = 7;

/// What of the answers may be known.
pub(crate) struct Known {
    reading: Reading,
    layers: Vec<Layer>,
}

enum Reading {
    /// Everything after this key is still to be read.
    After(Option<AnswerKey>),
    Done,
    GivenUp,
}

struct Layer {
    blocks: Vec<[u64; WORDS]>,
    ids: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { reading: Reading::After(None), layers: Vec::new() }
    }
}

impl Known {
    /// Whether this may have been answered before; `false` is certain.
    pub(crate) fn perhaps(&self, key: &AnswerKey) -> bool {
        let hash = xxh3_64(key);
        !matches!(self.reading, Reading::Done) || self.layers.iter().any(|layer| layer.has(hash))
    }

    /// This will have been answered.
    pub(crate) fn add(&mut self, key: &AnswerKey) {
        if matches!(self.reading, Reading::GivenUp) {
            return;
        }
        if self.layers.last().is_none_or(|layer| layer.ids >= FULL) {
            if self.layers.len() >= LAYERS {
                *self = Self { reading: Reading::GivenUp, layers: Vec::new() };
                return;
            }
            self.layers.push(Layer { blocks: vec![[0; WORDS]; BLOCKS], ids: 0 });
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.add(xxh3_64(key));
        }
    }

    /// Reads some more of what earlier runs answered.
    pub(crate) fn read_on(&mut self, answers: &Keyspace) -> Result<(), StoreError> {
        let Reading::After(after) = self.reading else { return Ok(()) };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let mut last = None;
        for found in answers.range::<AnswerKey, _>((from, std::ops::Bound::Unbounded)).take(BITE) {
            let key = step("reading earlier answers", found.key())?;
            let key =
                AnswerKey::try_from(&*key).map_err(|_| StoreError::Unreadable { what: "an answer's key" })?;
            self.add(&key);
            last = Some(key);
        }
        if let Reading::After(_) = self.reading {
            self.reading = last.map_or(Reading::Done, |key| Reading::After(Some(key)));
        }
        Ok(())
    }
}

impl Layer {
    fn add(&mut self, hash: u64) {
        let block = &mut self.blocks[block_of(hash)];
        for bit in bits(hash) {
            block[bit / 64] |= 1 << (bit % 64);
        }
        self.ids += 1;
    }

    fn has(&self, hash: u64) -> bool {
        let block = &self.blocks[block_of(hash)];
        bits(hash).all(|bit| block[bit / 64] & (1 << (bit % 64)) != 0)
    }
}

/// The upper bits choose the block.
fn block_of(hash: u64) -> usize {
    usize::try_from(hash >> 50).unwrap_or(0) % BLOCKS
}

/// The lower bits choose bits within it, by double hashing.
fn bits(hash: u64) -> impl Iterator<Item = usize> {
    let (start, stride) = (hash & 0x1ff, (hash >> 9 & 0x1ff) | 1);
    (0..u64::from(PROBES)).map(move |probe| usize::try_from((start + probe * stride) & 0x1ff).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::{Database, KeyspaceCreateOptions};
    use wickr_base::{DeviceId, MessageId, Rng, SeededRng};

    use crate::keys::{self, Submitted};

    fn ids(seed: u64, count: usize) -> Vec<AnswerKey> {
        let rng: &dyn Rng = &SeededRng::new(seed);
        let device = DeviceId::random(rng);
        (0..count).map(|_| keys::answer(device, Submitted::Message, MessageId(rng.bytes()))).collect()
    }

    fn read_to_the_end(known: &mut Known, answers: &Keyspace) {
        while matches!(known.reading, Reading::After(_)) {
            known.read_on(answers).unwrap();
        }
    }

    #[test]
    fn answers_of_earlier_runs_are_never_missed_and_new_ids_mostly_need_no_look() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::builder(directory.path()).worker_threads(1).open().unwrap();
        let answers = db.keyspace("answers", KeyspaceCreateOptions::default).unwrap();
        let (earlier, later, new) = (ids(1, 3 * BITE + 7), ids(2, 1000), ids(3, 100_000));
        for key in &earlier {
            answers.insert(key, b"a place").unwrap();
        }
        let mut known = Known::default();
        assert!(new.iter().all(|key| known.perhaps(key)), "before all is read anything may be known");
        known.read_on(&answers).unwrap();
        // What is answered while earlier answers are read is before or after where the reading is.
        for key in &later {
            known.add(key);
            answers.insert(key, b"a place").unwrap();
        }
        read_to_the_end(&mut known, &answers);
        assert!(earlier.iter().chain(&later).all(|key| known.perhaps(key)));
        let alarms = new.iter().filter(|key| known.perhaps(key)).count();
        assert!(alarms < 100, "{alarms} false alarms");
    }

    #[test]
    fn a_full_layer_rings_falsely_about_once_in_a_hundred() {
        let mut known = Known { reading: Reading::Done, layers: Vec::new() };
        let held = ids(4, FULL);
        for key in &held {
            known.add(key);
        }
        assert_eq!(known.layers.len(), 1);
        assert!(held.iter().step_by(97).all(|key| known.perhaps(key)));
        let alarms = ids(5, 10_000).iter().filter(|key| known.perhaps(key)).count();
        assert!(alarms < 300, "{alarms} false alarms");
    }

    #[test]
    fn past_its_bounds_it_gives_up_and_everything_is_looked_for() {
        let layers = (0..LAYERS).map(|_| Layer { blocks: vec![[0; WORDS]; BLOCKS], ids: FULL }).collect();
        let mut known = Known { reading: Reading::Done, layers };
        let [held, new] = ids(6, 2)[..] else { panic!("two ids") };
        assert!(!known.perhaps(&new));
        known.add(&held);
        assert!(known.perhaps(&held) && known.perhaps(&new) && known.layers.is_empty());
    }
}

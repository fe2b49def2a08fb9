//! fjall opened: four keyspaces with the options that fit what they hold. What lies where: `keys.rs`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fjall::compaction::filter::Factory;
use fjall::config::{CompressionPolicy, FilterPolicy};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, Slice, UserValue,
};
use parking_lot::Mutex;
use wickr_store::queue::StoreError;

use crate::error::{OpenError, step};
use crate::forget::Forget;
use crate::known::Known;
use crate::space;

/// Values from this size on lie in files of their own, so that merging keys does not move them.
const SEPARATE_FROM: u32 = 512;
const CACHE_BYTES: u64 = 32 << 20;
const SMALL_MEMTABLE: u64 = 4 << 20;

/// An open database.
pub(crate) struct Tables {
    pub(crate) db: Database,
    /// Rooms' entries, by room and seq.
    pub(crate) log: Keyspace,
    /// Answers given, by device and id.
    pub(crate) answers: Keyspace,
    /// Everything small.
    pub(crate) records: Keyspace,
    /// Observer states, trees, Welcomes, key packages.
    pub(crate) large: Keyspace,
    /// Which of the answers need not be looked for.
    pub(crate) known: Mutex<Known>,
}

/// A keyspace's name and how its number stands in a backup.
pub(crate) const KEYSPACES: [&str; 4] = ["log", "answers", "records", "large"];

impl Tables {
    pub(crate) fn open(path: &Path, total: u64, time: &Arc<AtomicI64>) -> Result<Self, OpenError> {
        Self::try_open(path, total, time)
            .map_err(|source| OpenError::Engine { path: path.to_owned(), source })
    }

    pub(crate) fn try_open(path: &Path, total: u64, time: &Arc<AtomicI64>) -> fjall::Result<Self> {
        let forget = Arc::new(Forget(Arc::clone(time)));
        let db = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .journal_compression(CompressionType::None)
            .max_journaling_size(space::journals(total))
            .worker_threads(2)
            .with_compaction_filter_factories(Arc::new(move |keyspace| {
                (keyspace == KEYSPACES[1]).then(|| Arc::clone(&forget) as Arc<dyn Factory>)
            }))
            .open()?;
        let options =
            || KeyspaceCreateOptions::default().data_block_compression_policy(CompressionPolicy::disabled());
        let separated = KvSeparationOptions::default()
            .compression(CompressionType::None)
            .separation_threshold(SEPARATE_FROM);
        let memtable = space::memtable(total);
        let log = db.keyspace(KEYSPACES[0], || {
            options()
                .max_memtable_size(memtable)
                .filter_policy(FilterPolicy::disabled())
                .with_kv_separation(Some(separated.clone()))
        })?;
        let answers = db.keyspace(KEYSPACES[1], || options().max_memtable_size(memtable / 4))?;
        let records = db.keyspace(KEYSPACES[2], || options().max_memtable_size(SMALL_MEMTABLE))?;
        let large = db.keyspace(KEYSPACES[3], || {
            options().max_memtable_size(SMALL_MEMTABLE).with_kv_separation(Some(separated.clone()))
        })?;
        Ok(Self { db, log, answers, records, large, known: Mutex::default() })
    }

    /// The keyspaces in the order of [`KEYSPACES`].
    pub(crate) fn all(&self) -> [&Keyspace; 4] {
        [&self.log, &self.answers, &self.records, &self.large]
    }

    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<UserValue>, StoreError> {
        step("reading a record", self.records.get(key))
    }

    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        step("reading a value", self.large.get(key))
    }
}

//! Between the library's storage traits and ours: holds one group's records in memory, and what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use mls_rs::{GroupStateStorage, KeyPackageStorage};
use mls_rs_core::group::{EpochRecord, GroupState};
use mls_rs_core::key_package::KeyPackageData;
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// Epochs before the current one whose messages can still be opened: the relay accepts messages of these (and only
/// while no commit since removed a leaf), and the log delivers them before the next commit.
const RETAINED_EPOCHS: u64 = 2;

type Bytes = Zeroizing<Vec<u8>>;

/// One group's records, or the key packages being made; shared with the library by cloning.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    state: Option<Bytes>,
    epochs: BTreeMap<u64, Bytes>,
    /// Which of the epochs the store has, right after `take_changes` was carried out.
    stored_epochs: BTreeSet<u64>,
    changed_epochs: BTreeSet<u64>,
    dropped_epochs: BTreeSet<u64>,
    key_packages: BTreeMap<Vec<u8>, KeyPackageData>,
    used_key_packages: Vec<Vec<u8>>,
}

/// What has to be written: drop first, then save. Taken out by `Buffer::take_changes`.
pub(crate) struct Changes {
    pub(crate) state: Option<Bytes>,
    pub(crate) epochs: Vec<(u64, Bytes)>,
    pub(crate) dropped_epochs: BTreeSet<u64>,
    /// All epochs that the store has once the rest is carried out.
    pub(crate) stored_epochs: BTreeSet<u64>,
    pub(crate) used_key_packages: Vec<Vec<u8>>,
}

impl Buffer {
    pub(crate) fn with_state(state: Vec<u8>) -> Self {
        let buffer = Self::default();
        buffer.0.lock().state = Some(Zeroizing::new(state));
        buffer
    }

    /// The group in memory has been made of it.
    pub(crate) fn forget_state(&self) {
        self.0.lock().state = None;
    }

    pub(crate) fn add_stored_epoch(&self, epoch: u64, data: Vec<u8>) {
        let mut records = self.0.lock();
        records.epochs.insert(epoch, Zeroizing::new(data));
        records.stored_epochs.insert(epoch);
    }

    /// Epochs that an earlier membership in the same group left behind.
    pub(crate) fn drop_epochs(&self, epochs: impl IntoIterator<Item = u64>) {
        self.0.lock().dropped_epochs.extend(epochs);
    }

    pub(crate) fn stored_epochs(&self) -> BTreeSet<u64> {
        self.0.lock().stored_epochs.clone()
    }

    pub(crate) fn add_key_package(&self, id: Vec<u8>, data: KeyPackageData) {
        self.0.lock().key_packages.insert(id, data);
    }

    pub(crate) fn take_key_packages(&self) -> BTreeMap<Vec<u8>, KeyPackageData> {
        std::mem::take(&mut self.0.lock().key_packages)
    }

    /// The changes since the last call. The state is handed out, not kept: the group in memory is the newer copy.
    pub(crate) fn take_changes(&self) -> Changes {
        let mut records = self.0.lock();
        let changed = std::mem::take(&mut records.changed_epochs);
        records.stored_epochs = records.epochs.keys().copied().collect();
        Changes {
            state: records.state.take(),
            epochs: changed
                .into_iter()
                .filter_map(|epoch| records.epochs.get(&epoch).map(|data| (epoch, data.clone())))
                .collect(),
            dropped_epochs: std::mem::take(&mut records.dropped_epochs),
            stored_epochs: records.stored_epochs.clone(),
            used_key_packages: std::mem::take(&mut records.used_key_packages),
        }
    }
}

impl Records {
    fn keep_latest(&mut self) {
        let Some(newest) = self.epochs.keys().next_back().copied() else { return };
        let keep = self.epochs.split_off(&(newest + 1).saturating_sub(RETAINED_EPOCHS));
        let dropped = std::mem::replace(&mut self.epochs, keep);
        for epoch in dropped.into_keys() {
            self.changed_epochs.remove(&epoch);
            self.dropped_epochs.insert(epoch);
        }
    }
}

impl GroupStateStorage for Buffer {
    type Error = Infallible;

    fn state(&self, _group: &[u8]) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.lock().state.clone())
    }

    fn epoch(&self, _group: &[u8], epoch: u64) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.lock().epochs.get(&epoch).cloned())
    }

    fn write(
        &mut self,
        state: GroupState,
        inserts: Vec<EpochRecord>,
        updates: Vec<EpochRecord>,
    ) -> Result<(), Infallible> {
        let mut records = self.0.lock();
        records.state = Some(state.data);
        for record in updates.into_iter().chain(inserts) {
            records.epochs.insert(record.id, record.data);
            records.changed_epochs.insert(record.id);
        }
        records.keep_latest();
        Ok(())
    }

    fn max_epoch_id(&self, _group: &[u8]) -> Result<Option<u64>, Infallible> {
        Ok(self.0.lock().epochs.keys().next_back().copied())
    }
}

impl KeyPackageStorage for Buffer {
    type Error = Infallible;

    fn delete(&mut self, id: &[u8]) -> Result<(), Infallible> {
        let mut records = self.0.lock();
        if records.key_packages.remove(id).is_some() {
            records.used_key_packages.push(id.to_vec());
        }
        Ok(())
    }

    fn insert(&mut self, id: Vec<u8>, package: KeyPackageData) -> Result<(), Infallible> {
        self.0.lock().key_packages.insert(id, package);
        Ok(())
    }

    fn get(&self, id: &[u8]) -> Result<Option<KeyPackageData>, Infallible> {
        Ok(self.0.lock().key_packages.get(id).cloned())
    }
}

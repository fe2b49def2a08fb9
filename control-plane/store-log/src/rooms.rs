//! Where rooms stand, as the writer knows it: what is durable, and over it what the batch at hand would make of it.

use std::collections::{HashMap, HashSet};

use wickr_base::Seq;
use wickr_store::queue::{RoomMeta, RoomNumber, StoreError};

use crate::error::step;
use crate::keys;
use crate::records::{RoomRecord, decode};
use crate::tables::Tables;

/// More rooms than this are not kept in memory.
const KEPT: usize = 100_000;

#[derive(Default)]
pub(crate) struct Rooms {
    durable: HashMap<RoomNumber, RoomMeta>,
    staged: HashMap<RoomNumber, RoomMeta>,
    /// Removed by the batch at hand.
    dropped: HashSet<RoomNumber>,
}

impl Rooms {
    /// The room as the operations before left it, to be changed.
    pub(crate) fn get(
        &mut self,
        tables: &Tables,
        number: RoomNumber,
    ) -> Result<Option<&mut RoomMeta>, StoreError> {
        if self.dropped.contains(&number) {
            return Ok(None);
        }
        if !self.staged.contains_key(&number) {
            let Some(meta) = self
                .durable
                .get(&number)
                .cloned()
                .map_or_else(|| load(tables, number), |meta| Ok(Some(meta)))?
            else {
                return Ok(None);
            };
            self.staged.insert(number, meta);
        }
        Ok(self.staged.get_mut(&number))
    }

    /// A room that did not exist.
    pub(crate) fn insert(&mut self, meta: RoomMeta) {
        self.staged.insert(meta.number, meta);
    }

    /// A room that is no more.
    pub(crate) fn remove(&mut self, number: RoomNumber) {
        self.staged.remove(&number);
        self.dropped.insert(number);
    }

    /// What the batch made of them is durable.
    pub(crate) fn keep(&mut self) {
        for number in self.dropped.drain() {
            self.durable.remove(&number);
        }
        if self.durable.len() > KEPT {
            self.durable.clear();
        }
        self.durable.extend(self.staged.drain());
    }

    /// Nothing of the batch counts.
    pub(crate) fn drop_staged(&mut self) {
        self.staged.clear();
        self.dropped.clear();
    }

    /// Nothing is known any more.
    pub(crate) fn clear(&mut self) {
        self.drop_staged();
        self.durable.clear();
    }
}

fn load(tables: &Tables, number: RoomNumber) -> Result<Option<RoomMeta>, StoreError> {
    let Some(record) = tables.record(&keys::room(number))? else { return Ok(None) };
    let range = keys::entry(number, Seq(0))..=keys::entry(number, Seq(u64::MAX));
    let last =
        tables.log.range(range).next_back().map(|last| step("reading a room's newest entry", last.key()));
    let head = last.transpose()?.and_then(|key| keys::entry_seq(&key)).unwrap_or_default();
    decode::<RoomRecord>("a room", &record)?.meta(number, head).map(Some)
}

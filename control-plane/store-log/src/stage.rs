//! One batch in the making: what the operations before in it did is seen by those after, and by nobody else.

use std::collections::HashMap;

use fjall::{OwnedWriteBatch, PersistMode, Slice};
use prost::Message;
use wickr_base::{DeviceId, MessageId, UnixMillis};
use wickr_store::queue::{Now, Operation, Outcome, Place, REMEMBERED, Refused, StoreError};

use crate::error::step;
use crate::keys::{self, AnswerKey, Meta, Submitted};
use crate::records;
use crate::rooms::Rooms;
use crate::tables::Tables;

/// Why an operation was not staged.
pub(crate) enum Stop {
    /// By the rules; nothing was staged.
    Refused(Refused),
    /// The store can't be read; the whole batch must be dropped.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

pub(crate) struct Stage<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) rooms: &'a mut Rooms,
    pub(crate) now: UnixMillis,
    /// Up to where what has expired may be removed for good.
    pub(crate) settled: Option<UnixMillis>,
    pub(crate) batch: OwnedWriteBatch,
    records: HashMap<Slice, Option<Slice>>,
    large: HashMap<Slice, Option<Slice>>,
    answers: HashMap<AnswerKey, Place>,
}

impl<'a> Stage<'a> {
    pub(crate) fn begin(tables: &'a Tables, rooms: &'a mut Rooms, now: Now, operations: usize) -> Self {
        let batch = OwnedWriteBatch::with_capacity(tables.db.clone(), operations * 2 + 1)
            .durability(Some(PersistMode::SyncAll));
        let (records, large, answers) = (HashMap::new(), HashMap::new(), HashMap::new());
        let Now { time: now, settled } = now;
        Self { tables, rooms, now, settled, batch, records, large, answers }
    }

    /// Decides one operation by what is durable and what was staged before.
    pub(crate) fn stage(&mut self, operation: &Operation) -> Result<Outcome, StoreError> {
        let staged = match operation {
            Operation::Append(append) => self.append(append).map(Outcome::Sequenced),
            Operation::Handshake(handshake) => self.handshake(handshake).map(Outcome::Sequenced),
            Operation::MoveCursors(moves) => self.move_cursors(moves),
            Operation::ClearInbox { device, through } => self.clear_inbox(*device, *through),
            Operation::SignIn(revision) => self.sign_in(*revision),
            Operation::NoteRevisions(revisions) => self.note_revisions(revisions),
            Operation::Publish(publish) => self.publish(publish).map(Outcome::Pool),
            Operation::Claim { users, kept, live_at } => {
                self.claim(users, kept, *live_at).map(Outcome::Claimed)
            }
            Operation::Apply(change) => self.apply(*change).map(Outcome::Revoked),
            Operation::Purge { at_most } => self.purge(*at_most),
            Operation::Trim { trim, at_most } => self.trim(trim, *at_most),
            Operation::Canary => {
                self.put(keys::meta(Meta::Canary), Slice::from(self.now.0.to_be_bytes()));
                Ok(Outcome::Done)
            }
        };
        match staged {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Refused(refused)) => Ok(Outcome::Refused(refused)),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// Whether it must not share a batch with those before it: it scans what only durable records show.
    pub(crate) fn begins_a_batch(operation: &Operation) -> bool {
        matches!(operation, Operation::Apply(_) | Operation::Purge { .. } | Operation::Trim { .. })
    }

    /// Writes and syncs everything staged.
    pub(crate) fn commit(mut self) -> fjall::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (time, now) = (keys::meta(Meta::Time), self.now.0.to_be_bytes());
        self.batch.insert(&self.tables.records, time, now);
        self.batch.commit()
    }

    /// The place that the same id got before, if that is remembered.
    pub(crate) fn answered(
        &self,
        sender: DeviceId,
        what: Submitted,
        id: MessageId,
    ) -> Result<Option<Place>, StoreError> {
        let key = keys::answer(sender, what, id);
        if let Some(place) = self.answers.get(&key) {
            return Ok(Some(*place));
        }
        if !self.tables.known.lock().perhaps(&key) {
            return Ok(None);
        }
        let Some(value) = step("looking for an earlier answer", self.tables.answers.get(key))? else {
            return Ok(None);
        };
        let place = records::answer_place(&value).ok_or(StoreError::Unreadable { what: "an answer" })?;
        Ok((place.time.plus(REMEMBERED) > self.now).then_some(place))
    }

    pub(crate) fn remember(&mut self, sender: DeviceId, what: Submitted, id: MessageId, place: Place) {
        let key = keys::answer(sender, what, id);
        self.batch.insert(&self.tables.answers, key, records::answer(place));
        self.tables.known.lock().add(&key);
        self.answers.insert(key, place);
    }

    pub(crate) fn get(&self, key: &Slice) -> Result<Option<Slice>, StoreError> {
        self.records.get(key).map_or_else(|| self.tables.record(key), |staged| Ok(staged.clone()))
    }

    pub(crate) fn decoded<M: Message + Default>(
        &self,
        what: &'static str,
        key: &Slice,
    ) -> Result<Option<M>, StoreError> {
        self.get(key)?.map(|value| records::decode(what, &value)).transpose()
    }

    pub(crate) fn put(&mut self, key: Slice, value: Slice) {
        self.batch.insert(&self.tables.records, key.clone(), value.clone());
        self.records.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Slice) {
        self.batch.remove(&self.tables.records, key.clone());
        self.records.insert(key, None);
    }

    pub(crate) fn large(&self, key: &Slice) -> Result<Option<Slice>, StoreError> {
        self.large.get(key).map_or_else(|| self.tables.value(key), |staged| Ok(staged.clone()))
    }

    pub(crate) fn put_large(&mut self, key: Slice, value: Slice) {
        self.batch.insert(&self.tables.large, key.clone(), value.clone());
        self.large.insert(key, Some(value));
    }

    pub(crate) fn remove_large(&mut self, key: Slice) {
        self.batch.remove(&self.tables.large, key.clone());
        self.large.insert(key, None);
    }
}

//! Staging what devices hold: cursors, inboxes, how far their stores are; and what becomes of a revoked device.

use fjall::Slice;
use wickr_base::{DeviceId, Generation, RoomId, Seq};
use wickr_store::queue::{Change, CursorMove, DeviceRevision, Outcome, Refused, RoomNumber, StoreError};

use crate::error::step;
use crate::keys::{self, Meta};
use crate::records::{self, Inbox, InboxRecord, Part, Waiting};
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    pub(crate) fn move_cursors(&mut self, moves: &[CursorMove]) -> Result<Outcome, Stop> {
        for one in moves {
            self.move_cursor(*one)?;
        }
        Ok(Outcome::Done)
    }

    fn move_cursor(&mut self, one: CursorMove) -> Result<(), Stop> {
        let (part, cursor) = (keys::part(one.device, one.room), keys::cursor(one.device, one.room));
        let Some(record) = self.decoded::<Part>("a membership", &part)? else { return Ok(()) };
        let Some(head) = self.rooms.get(self.tables, one.room)?.map(|room| room.head) else { return Ok(()) };
        let last = record.until.map_or(head, Seq);
        let held =
            self.get(&cursor)?.map(|value| records::number(&value)).transpose()?.unwrap_or(record.from);
        let holds = one.seq.min(last).0;
        if record.until.is_some_and(|until| holds.max(held) >= until) {
            self.remove(part);
            self.remove(cursor);
        } else if holds > held {
            self.put(cursor, Slice::from(holds.to_be_bytes()));
        }
        Ok(())
    }

    pub(crate) fn sign_in(&mut self, one: DeviceRevision) -> Result<Outcome, Stop> {
        if self.get(&keys::revoked(one.device))?.is_some() {
            return Err(Refused::Revoked(one.device).into());
        }
        match self.seen(one.device)? {
            Some(seen) if one.revision <= seen => Err(Refused::OldStore { seen }.into()),
            _ => {
                self.put(keys::revision(one.device), Slice::from(one.revision.to_be_bytes()));
                Ok(Outcome::Done)
            }
        }
    }

    pub(crate) fn note_revisions(&mut self, revisions: &[DeviceRevision]) -> Result<Outcome, Stop> {
        for one in revisions {
            let further = self.seen(one.device)?.is_none_or(|seen| one.revision > seen);
            if further && self.get(&keys::revoked(one.device))?.is_none() {
                self.put(keys::revision(one.device), Slice::from(one.revision.to_be_bytes()));
            }
        }
        Ok(Outcome::Done)
    }

    fn seen(&self, device: DeviceId) -> Result<Option<u64>, StoreError> {
        self.get(&keys::revision(device))?.map(|value| records::number(&value)).transpose()
    }

    pub(crate) fn clear_inbox(&mut self, device: DeviceId, through: u64) -> Result<Outcome, Stop> {
        let inbox = self.inbox(device)?;
        let through = through.min(inbox.last);
        for number in inbox.first..=through {
            let item = keys::inbox_item(device, number);
            if let Some(record) = self.decoded::<InboxRecord>("an inbox item", &item)? {
                self.release(RoomNumber(record.room), Generation(record.generation), record.epoch)?;
                self.remove(item);
            }
        }
        if through >= inbox.first {
            self.put(keys::inbox(device), records::encode(&Inbox { first: through + 1, ..inbox }));
        }
        Ok(Outcome::Done)
    }

    /// One joiner fewer waits; the last one takes Welcome and tree with it.
    fn release(&mut self, room: RoomNumber, generation: Generation, epoch: u64) -> Result<(), Stop> {
        let key = keys::waiting(room, generation, epoch);
        let Some(waiting) = self.decoded::<Waiting>("a waiting Welcome", &key)? else { return Ok(()) };
        if waiting.pending > 1 {
            self.put(key, records::encode(&Waiting { pending: waiting.pending - 1, ..waiting }));
        } else {
            self.forget_welcome(room, generation, epoch);
        }
        Ok(())
    }

    pub(crate) fn forget_welcome(&mut self, room: RoomNumber, generation: Generation, epoch: u64) {
        self.remove(keys::waiting(room, generation, epoch));
        self.remove_large(keys::welcome(room, generation, epoch));
        self.remove_large(keys::tree(room, generation, epoch));
    }

    /// Scans what is durable, so it begins a batch ([`Stage::begins_a_batch`]).
    pub(crate) fn apply(&mut self, change: Change) -> Result<Vec<RoomId>, Stop> {
        self.put(keys::meta(Meta::Followed), Slice::from(records::followed(change.followed).as_slice()));
        let Some(device) = change.revoked else { return Ok(Vec::new()) };
        if self.get(&keys::revoked(device))?.is_some() {
            return Ok(Vec::new());
        }
        self.put(keys::revoked(device), Slice::from(self.now.0.to_be_bytes()));
        self.drop_pool(device)?;
        self.remove(keys::revision(device));
        let mut rooms = Vec::new();
        for (number, part) in self.parts_of(device)? {
            if part.until.is_none()
                && let Some(room) = self.rooms.get(self.tables, number)?.map(|room| room.id.clone())
            {
                self.put(keys::removal(number, device), Slice::from(b"".as_slice()));
                rooms.push(room);
            }
        }
        Ok(rooms)
    }

    fn parts_of(&self, device: DeviceId) -> Result<Vec<(RoomNumber, Part)>, StoreError> {
        let mut parts = Vec::new();
        for found in self.tables.records.prefix(keys::parts_of(device)) {
            let (key, value) = step("scanning a device's rooms", found.into_inner())?;
            let (_, room) =
                keys::part_of(&key).ok_or(StoreError::Unreadable { what: "a membership's key" })?;
            parts.push((room, records::decode("a membership", &value)?));
        }
        Ok(parts)
    }
}

//! Staging the removal of what nobody needs any more. What that is: `trimmable.rs`, which looks without the writer.

use wickr_base::{DeviceId, Seq};
use wickr_store::queue::{Outcome, RoomMeta, RoomNumber, StoreError, Trim};

use crate::error::step;
use crate::keys;
use crate::records::{self, Members, RoomRecord};
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    /// Scans what is durable, so it begins a batch ([`Stage::begins_a_batch`]).
    pub(crate) fn trim(&mut self, trim: &Trim, at_most: usize) -> Result<Outcome, Stop> {
        let Some(room) = self.rooms.get(self.tables, trim.room)?.cloned() else {
            return Ok(Outcome::Purged { removed: 0, more: false });
        };
        match &trim.ended {
            Some(devices) if self.is_empty(trim.room)? => self.drop_room(&room, devices, at_most),
            _ => self.trim_log(&room, trim, at_most),
        }
    }

    fn is_empty(&self, room: RoomNumber) -> Result<bool, StoreError> {
        let members = self.decoded::<Members>("members", &keys::members(room))?.unwrap_or_default();
        Ok(members.is_empty())
    }

    fn trim_log(&mut self, room: &RoomMeta, trim: &Trim, at_most: usize) -> Result<Outcome, Stop> {
        let through = keys::entry(room.number, trim.through);
        let (mut removed, mut more) = (0, false);
        for found in self.tables.log.range(keys::entry(room.number, Seq(0))..=through) {
            let key = step("scanning a log to trim it", found.key())?;
            let seq = keys::entry_seq(&key).ok_or(StoreError::Unreadable { what: "an entry's key" })?;
            if seq == room.head && self.is_husk(&key)? {
                break;
            }
            if removed == at_most {
                more = true;
                break;
            }
            // The newest entry's number must stay known.
            if seq == room.head {
                self.batch.insert(&self.tables.log, key, records::husk());
            } else {
                self.batch.remove(&self.tables.log, key);
            }
            removed += 1;
        }
        if let Some(missed) = trim.missed.filter(|missed| *missed > room.trimmed)
            && let Some(room) = self.rooms.get(self.tables, room.number)?
        {
            room.trimmed = missed;
            let (key, record) = (keys::room(room.number), records::encode(&RoomRecord::from(&*room)));
            self.put(key, record);
        }
        Ok(Outcome::Purged { removed, more })
    }

    fn is_husk(&self, key: &[u8]) -> Result<bool, StoreError> {
        let value = step("reading a room's newest entry", self.tables.log.get(key))?;
        Ok(value.map(|value| records::aged(&value)).transpose()?.flatten().is_none())
    }

    /// The log from its beginning; with its last entries everything else.
    fn drop_room(&mut self, room: &RoomMeta, devices: &[DeviceId], at_most: usize) -> Result<Outcome, Stop> {
        let mut removed = 0;
        for found in self.tables.log.range(keys::entries(room.number)) {
            if removed == at_most {
                // The newest entry is not among those removed, so the room still knows where it stands.
                return Ok(Outcome::Purged { removed, more: true });
            }
            self.batch.remove(&self.tables.log, step("scanning the log of an ended room", found.key())?);
            removed += 1;
        }
        for device in devices {
            self.remove(keys::part(*device, room.number));
            self.remove(keys::cursor(*device, room.number));
        }
        for found in self.tables.records.prefix(keys::removals_in(room.number)) {
            self.remove(step("scanning removals", found.key())?);
        }
        self.remove(keys::number(&room.id));
        self.remove(keys::members(room.number));
        self.remove(keys::room(room.number));
        self.remove_large(keys::state(room.number));
        self.rooms.remove(room.number);
        Ok(Outcome::Purged { removed, more: false })
    }
}

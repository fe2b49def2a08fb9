//! Staging an application message: the hot path. Two items in the batch, three when it expires.

use wickr_base::{Seq, UnixMillis};
use wickr_store::queue::{Append, EntryKind, Place, Refused, RoomNumber, Sequenced};

use crate::keys::{self, Submitted, Thing};
use crate::records::EntryHead;
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    pub(crate) fn append(&mut self, append: &Append) -> Result<Sequenced, Stop> {
        if let Some(place) = self.answered(append.sender, Submitted::Message, append.id)? {
            return Ok(Sequenced { place, repeated: true, inbox: Vec::new() });
        }
        let now = self.now;
        let room = self.rooms.get(self.tables, append.room)?.ok_or(Refused::NoRoom)?;
        room.admit(append.generation, append.epoch)?;
        if append.expires_at.is_some_and(|at| at <= now) {
            return Err(Refused::Expired.into());
        }
        let place = Place { seq: room.advance(), time: now };
        let head = EntryHead {
            time: now,
            generation: append.generation,
            kind: EntryKind::Application,
            sender: Some(append.sender),
            id: append.id,
            expires_at: append.expires_at,
        };
        self.write_entry(append.room, place.seq, &head, &append.body)?;
        if let Some(at) = append.expires_at {
            self.expires(at, Thing::Entry(append.room, place.seq));
        }
        self.remember(append.sender, Submitted::Message, append.id, place);
        Ok(Sequenced { place, repeated: false, inbox: Vec::new() })
    }

    pub(crate) fn write_entry(
        &mut self,
        room: RoomNumber,
        seq: Seq,
        head: &EntryHead,
        body: &[u8],
    ) -> Result<(), Stop> {
        let value = head.with_body(body)?;
        self.batch.insert(&self.tables.log, keys::entry(room, seq), value);
        Ok(())
    }

    /// Nothing that is staged reads the index, so it goes straight into the batch.
    pub(crate) fn expires(&mut self, at: UnixMillis, thing: Thing) {
        self.batch.insert(&self.tables.records, keys::expiry(at, thing), b"".as_slice());
    }
}

//! Staging the removal of what has expired, by the settled time. What expired in this batch waits for the next.

use wickr_base::Seq;
use wickr_store::queue::{Outcome, RoomNumber, StoreError};

use crate::error::step;
use crate::keys::{self, Thing};
use crate::records;
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    pub(crate) fn purge(&mut self, at_most: usize) -> Result<Outcome, Stop> {
        let mut removed = 0;
        let mut more = false;
        for found in self.tables.records.prefix(keys::expiries()) {
            let key = step("scanning what expires", found.key())?;
            let (at, thing) = keys::expiry_of(&key).ok_or(StoreError::Unreadable { what: "an expiry" })?;
            if Some(at) > self.settled {
                break;
            }
            if removed == at_most {
                more = true;
                break;
            }
            self.batch.remove(&self.tables.records, key);
            match thing {
                Thing::Entry(room, seq) => self.purge_entry(room, seq)?,
                Thing::Welcome(room, generation, epoch) => self.forget_welcome(room, generation, epoch),
            }
            removed += 1;
        }
        Ok(Outcome::Purged { removed, more })
    }

    /// The newest entry leaves a husk behind, so that its number is not used again.
    fn purge_entry(&mut self, number: RoomNumber, seq: Seq) -> Result<(), StoreError> {
        let at_head = self.rooms.get(self.tables, number)?.is_some_and(|room| room.head == seq);
        let key = keys::entry(number, seq);
        if at_head {
            self.batch.insert(&self.tables.log, key, records::husk());
        } else {
            self.batch.remove(&self.tables.log, key);
        }
        Ok(())
    }
}

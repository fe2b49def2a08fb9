//! The oldest entry that a member has not acknowledged: memberships and cursors are read side by side, in the order
//! that they share, and then each room's log is looked into once, where its slowest member stands.

use std::collections::HashMap;

use fjall::Readable;
use wickr_base::{Seq, UnixMillis};
use wickr_store::queue::{RoomNumber, StoreError};

use crate::error::step;
use crate::keys;
use crate::reader::View;
use crate::records::{self, Part};
use crate::tables::Tables;

pub(crate) fn oldest(tables: &Tables, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
    let view = View::of(tables);
    let mut cursors =
        view.at.prefix(&tables.records, keys::cursors()).map(fjall::Guard::into_inner).peekable();
    // The times of a log never go back, so of all members still there the slowest one's next entry is the oldest.
    let mut slowest: HashMap<RoomNumber, Seq> = HashMap::new();
    let mut oldest: Option<UnixMillis> = None;
    for found in view.at.prefix(&tables.records, keys::parts()) {
        let (key, value) = step("scanning memberships", found.into_inner())?;
        let part: Part = records::decode("a membership", &value)?;
        let (_, room) = keys::part_of(&key).ok_or(StoreError::Unreadable { what: "a membership's key" })?;
        let mut held = Seq(part.from);
        // After the tag both keys are device and room.
        while let Some(found) =
            cursors.next_if(|found| found.as_ref().is_ok_and(|(at, _)| at[1..] <= key[1..]))
        {
            let (at, value) = step("scanning cursors", found)?;
            if at[1..] == key[1..] {
                held = Seq(records::number(&value)?);
            }
        }
        if let Some(until) = part.until {
            oldest = earlier(oldest, view.next_time(now, room, held, Seq(until))?);
        } else {
            slowest.entry(room).and_modify(|slowest| *slowest = held.min(*slowest)).or_insert(held);
        }
    }
    for (room, held) in slowest {
        oldest = earlier(oldest, view.next_time(now, room, held, Seq(u64::MAX))?);
    }
    Ok(oldest)
}

fn earlier(one: Option<UnixMillis>, other: Option<UnixMillis>) -> Option<UnixMillis> {
    one.into_iter().chain(other).min()
}

impl View<'_> {
    fn next_time(
        &self,
        now: UnixMillis,
        room: RoomNumber,
        after: Seq,
        through: Seq,
    ) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.live(now, room, after, through).next().transpose()?.map(|entry| entry.place.time))
    }
}

//! What of the rooms' logs nobody needs any more: looked for by a reader, so that the writer only removes.
//!
//! A device that has acknowledged an entry never asks for it again, whatever it resumes from. So a log is needed from
//! its slowest device on, removed ones that have not taken in their removal included, and no longer than
//! [`KEPT_UNDELIVERED`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::Readable;
use wickr_base::{DeviceId, Seq, UnixMillis};
use wickr_store::queue::{KEPT_UNDELIVERED, Now, RoomNumber, StoreError, Trim};

use crate::error::step;
use crate::keys;
use crate::reader::View;
use crate::records::{self, Members, Part};
use crate::tables::Tables;

/// The devices that may still ask for something of a room.
#[derive(Default)]
struct Asking {
    slowest: Option<Seq>,
    /// Whether one of them is in it.
    members: bool,
    /// Those that were removed and don't have the end yet.
    removed: Vec<DeviceId>,
}

/// Gives what it has found so far when `closing` becomes true.
pub(crate) fn trimmable(
    tables: &Tables,
    now: Now,
    at_most: usize,
    closing: &AtomicBool,
) -> Result<Vec<Trim>, StoreError> {
    let view = View::of(tables);
    let limit = now.settled.map(|settled| settled.minus(KEPT_UNDELIVERED));
    let mut asking = asking(&view, tables)?;
    let mut found = Vec::new();
    for room in view.at.prefix(&tables.records, keys::rooms()) {
        if found.len() == at_most || closing.load(Ordering::Relaxed) {
            break;
        }
        let key = step("scanning rooms", room.key())?;
        let number = keys::room_number(&key).ok_or(StoreError::Unreadable { what: "a room's key" })?;
        let asking = asking.remove(&number).unwrap_or_default();
        found.extend(look(&view, tables, number, asking, limit, at_most)?);
    }
    Ok(found)
}

fn asking(view: &View<'_>, tables: &Tables) -> Result<HashMap<RoomNumber, Asking>, StoreError> {
    let mut rooms: HashMap<RoomNumber, Asking> = HashMap::new();
    let mut cursors =
        view.at.prefix(&tables.records, keys::cursors()).map(fjall::Guard::into_inner).peekable();
    for found in view.at.prefix(&tables.records, keys::parts()) {
        let (key, value) = step("scanning memberships", found.into_inner())?;
        let part: Part = records::decode("a membership", &value)?;
        let (device, number) =
            keys::part_of(&key).ok_or(StoreError::Unreadable { what: "a membership's key" })?;
        let mut held = Seq(part.from);
        // After the tag both keys are device and room, so both scans go by the same order.
        let before =
            |found: &fjall::Result<fjall::KvPair>| found.as_ref().is_ok_and(|(at, _)| at[1..] <= key[1..]);
        while let Some(cursor) = cursors.next_if(before) {
            let (at, value) = step("scanning cursors", cursor)?;
            if at[1..] == key[1..] {
                held = Seq(records::number(&value)?);
            }
        }
        let asking = rooms.entry(number).or_default();
        asking.slowest = Some(asking.slowest.map_or(held, |slowest| slowest.min(held)));
        match part.until {
            Some(_) => asking.removed.push(device),
            None => asking.members = true,
        }
    }
    Ok(rooms)
}

fn look(
    view: &View<'_>,
    tables: &Tables,
    room: RoomNumber,
    asking: Asking,
    limit: Option<UnixMillis>,
    at_most: usize,
) -> Result<Option<Trim>, StoreError> {
    let seq = |key: &[u8]| keys::entry_seq(key).ok_or(StoreError::Unreadable { what: "an entry's key" });
    let mut entries = view.at.range(&tables.log, keys::entries(room));
    let Some(first) = entries.next() else { return Ok(None) };
    let first = seq(&step("reading a room's oldest entry", first.key())?)?;
    let head = match entries.next_back() {
        Some(last) => seq(&step("reading a room's newest entry", last.key())?)?,
        None => first,
    };
    let floor = asking.slowest.unwrap_or(head);
    let (mut through, mut missed) = (floor, None);
    if let Some(limit) = limit.filter(|_| floor < head) {
        let old = view.at.range(&tables.log, keys::entry(room, floor.next())..=keys::entry(room, head));
        for entry in old.take(at_most) {
            let (key, value) = step("reading old entries", entry.into_inner())?;
            match records::aged(&value)? {
                Some((time, _)) if time > limit => break,
                Some((_, true)) => missed = Some(seq(&key)?),
                _ => {}
            }
            through = seq(&key)?;
        }
    }
    if !asking.members && through >= head && nobody(view, room)? {
        return Ok(Some(Trim { room, through: head, missed: None, ended: Some(asking.removed) }));
    }
    let only_number = first == head && is_husk(view, tables, room, head)?;
    Ok((first <= through && !only_number).then_some(Trim { room, through, missed, ended: None }))
}

fn is_husk(view: &View<'_>, tables: &Tables, room: RoomNumber, seq: Seq) -> Result<bool, StoreError> {
    let value = step("reading a room's newest entry", view.at.get(&tables.log, keys::entry(room, seq)))?;
    Ok(value.map(|value| records::aged(&value)).transpose()?.flatten().is_none())
}

fn nobody(view: &View<'_>, room: RoomNumber) -> Result<bool, StoreError> {
    let members: Option<Members> = view.decoded("members", &keys::members(room))?;
    Ok(members.unwrap_or_default().is_empty())
}

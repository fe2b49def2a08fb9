//! Reading: each function looks at one snapshot, in which a batch is there as a whole or not at all.

use bytes::Bytes;
use fjall::{Readable, Slice, Snapshot};
use prost::Message;
use wickr_base::{DeviceId, Generation, MessageId, RoomId, Seq, UnixMillis, UserId};
use wickr_store::queue::{
    Entry, Followed, InboxItem, Membership, Place, PoolCount, REMEMBERED, Room, RoomMeta, RoomNumber,
    StoreError, Usage,
};

use crate::error::step;
use crate::keys::{self, Meta, Submitted};
use crate::pools;
use crate::records::{self, InboxRecord, Members, Package, Part, Pool, RoomRecord, Waiting};
use crate::tables::Tables;

pub(crate) struct View<'a> {
    tables: &'a Tables,
    pub(crate) at: Snapshot,
}

impl<'a> View<'a> {
    pub(crate) fn of(tables: &'a Tables) -> Self {
        Self { tables, at: tables.db.snapshot() }
    }

    fn record(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        step("reading a record", self.at.get(&self.tables.records, key))
    }

    pub(crate) fn decoded<M: Message + Default>(
        &self,
        what: &'static str,
        key: &[u8],
    ) -> Result<Option<M>, StoreError> {
        self.record(key)?.map(|value| records::decode(what, &value)).transpose()
    }

    fn large(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = step("reading a value", self.at.get(&self.tables.large, key))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn meta(&self, number: RoomNumber) -> Result<Option<RoomMeta>, StoreError> {
        let Some(record) = self.decoded::<RoomRecord>("a room", &keys::room(number))? else {
            return Ok(None);
        };
        let range = keys::entry(number, Seq(0))..=keys::entry(number, Seq(u64::MAX));
        let last = self.at.range(&self.tables.log, range).next_back();
        let last = last.map(|last| step("reading a room's newest entry", last.key())).transpose()?;
        let head = last.and_then(|key| keys::entry_seq(&key)).unwrap_or_default();
        record.meta(number, head).map(Some)
    }

    pub(crate) fn live(
        &self,
        now: UnixMillis,
        room: RoomNumber,
        after: Seq,
        through: Seq,
    ) -> impl Iterator<Item = Result<Entry, StoreError>> {
        let range = (after < through).then(|| keys::entry(room, after.next())..=keys::entry(room, through));
        let found = range.into_iter().flat_map(|range| self.at.range(&self.tables.log, range));
        found.filter_map(move |found| {
            let read = step("reading a log", found.into_inner()).and_then(|(key, value)| {
                let seq = keys::entry_seq(&key).ok_or(StoreError::Unreadable { what: "an entry's key" })?;
                records::entry(seq, &value, now)
            });
            read.transpose()
        })
    }
}

pub(crate) fn room(tables: &Tables, id: &RoomId) -> Result<Option<Room>, StoreError> {
    let view = View::of(tables);
    let Some(number) = view.record(&keys::number(id))? else { return Ok(None) };
    let number = RoomNumber(records::number(&number)?);
    let Some(meta) = view.meta(number)? else { return Ok(None) };
    let members = view.decoded::<Members>("members", &keys::members(number))?.unwrap_or_default().uris()?;
    let mut removals = Vec::new();
    for found in view.at.prefix(&tables.records, keys::removals_in(number)) {
        let key = step("scanning removals", found.key())?;
        removals.extend(keys::removal_of(&key).map(|(_, device)| device));
    }
    Ok(Some(Room { meta, members, removals }))
}

pub(crate) fn state(tables: &Tables, room: RoomNumber) -> Result<Option<Bytes>, StoreError> {
    View::of(tables).large(&keys::state(room))
}

pub(crate) fn memberships(tables: &Tables, device: DeviceId) -> Result<Vec<Membership>, StoreError> {
    let view = View::of(tables);
    let mut memberships = Vec::new();
    for found in view.at.prefix(&tables.records, keys::parts_of(device)) {
        let (key, value) = step("scanning a device's rooms", found.into_inner())?;
        let (_, number) = keys::part_of(&key).ok_or(StoreError::Unreadable { what: "a membership's key" })?;
        let part: Part = records::decode("a membership", &value)?;
        let Some(room) = view.meta(number)? else { continue };
        let held = view.record(&keys::cursor(device, number))?;
        let held = held.map(|value| records::number(&value)).transpose()?.unwrap_or(part.from);
        memberships.push(Membership {
            room,
            from: Seq(part.from),
            until: part.until.map(Seq),
            acknowledged: Seq(held),
        });
    }
    Ok(memberships)
}

pub(crate) fn log(
    tables: &Tables,
    now: UnixMillis,
    room: RoomNumber,
    after: Seq,
    through: Seq,
    max_bytes: usize,
) -> Result<Vec<Entry>, StoreError> {
    let view = View::of(tables);
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for entry in view.live(now, room, after, through) {
        let entry = entry?;
        if !entries.is_empty() && bytes + entry.body.len() > max_bytes {
            break;
        }
        bytes += entry.body.len();
        entries.push(entry);
    }
    Ok(entries)
}

pub(crate) fn inbox(
    tables: &Tables,
    now: UnixMillis,
    device: DeviceId,
    after: u64,
    max_bytes: usize,
) -> Result<Vec<InboxItem>, StoreError> {
    let view = View::of(tables);
    let range = keys::inbox_item(device, after.saturating_add(1))..=keys::inbox_item(device, u64::MAX);
    let (mut items, mut bytes) = (Vec::new(), 0);
    for found in view.at.range(&tables.records, range) {
        let (key, value) = step("reading an inbox", found.into_inner())?;
        let number =
            keys::inbox_number(&key).ok_or(StoreError::Unreadable { what: "an inbox item's key" })?;
        let record: InboxRecord = records::decode("an inbox item", &value)?;
        let (room, generation) = (RoomNumber(record.room), Generation(record.generation));
        let Some(welcome) = view.welcome(
            now,
            &keys::welcome(room, generation, record.epoch),
            room,
            generation,
            record.epoch,
        )?
        else {
            continue;
        };
        if !items.is_empty() && bytes + welcome.len() > max_bytes {
            break;
        }
        bytes += welcome.len();
        let Some(meta) = view.meta(room)? else { continue };
        items.push(InboxItem {
            number,
            room: meta.id,
            generation,
            epoch: record.epoch,
            place: Place { seq: Seq(record.seq), time: UnixMillis(record.time) },
            welcome,
        });
    }
    Ok(items)
}

impl View<'_> {
    /// What goes with a Welcome, for as long as it is kept.
    fn welcome(
        &self,
        now: UnixMillis,
        key: &[u8],
        room: RoomNumber,
        generation: Generation,
        epoch: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let waiting: Option<Waiting> =
            self.decoded("a waiting Welcome", &keys::waiting(room, generation, epoch))?;
        if waiting.is_none_or(|waiting| waiting.until <= now.0) {
            return Ok(None);
        }
        self.large(key)
    }
}

pub(crate) fn tree(
    tables: &Tables,
    now: UnixMillis,
    room: RoomNumber,
    generation: Generation,
    epoch: u64,
) -> Result<Option<Bytes>, StoreError> {
    View::of(tables).welcome(now, &keys::tree(room, generation, epoch), room, generation, epoch)
}

pub(crate) fn pool(tables: &Tables, now: UnixMillis, device: DeviceId) -> Result<PoolCount, StoreError> {
    let view = View::of(tables);
    let Some(user) = view.record(&keys::pool_owner(device))? else { return Ok(PoolCount::default()) };
    let user = user.as_ref().try_into().map_err(|_| StoreError::Unreadable { what: "a pool's owner" })?;
    let pool: Option<Pool> = view.decoded("a pool", &keys::pool(UserId::from_bytes(user), device))?;
    let Some(pool) = pool else { return Ok(PoolCount::default()) };
    let held = if pool.last_resort { view.large(&keys::last_resort(device))? } else { None };
    let package = held.map(|value| records::decode::<Package>("a key package", &value)).transpose()?;
    Ok(pools::count(pool, package.is_some_and(|package| package.not_after > now.0)))
}

pub(crate) fn revoked(tables: &Tables) -> Result<Vec<DeviceId>, StoreError> {
    let view = View::of(tables);
    let mut devices = Vec::new();
    for found in view.at.prefix(&tables.records, keys::all_revoked()) {
        let key = step("scanning revoked devices", found.key())?;
        devices.extend(keys::revoked_device(&key));
    }
    Ok(devices)
}

pub(crate) fn rooms_with_removals(tables: &Tables) -> Result<Vec<RoomId>, StoreError> {
    let view = View::of(tables);
    let mut rooms: Vec<RoomId> = Vec::new();
    let mut last = None;
    for found in view.at.prefix(&tables.records, keys::removals()) {
        let key = step("scanning removals", found.key())?;
        let Some((number, _)) = keys::removal_of(&key) else { continue };
        if last.replace(number) != Some(number) {
            rooms.extend(view.meta(number)?.map(|meta| meta.id));
        }
    }
    Ok(rooms)
}

pub(crate) fn followed(tables: &Tables) -> Result<Option<Followed>, StoreError> {
    let value = View::of(tables).record(&keys::meta(Meta::Followed))?;
    value.map(|value| records::read_followed(&value)).transpose()
}

pub(crate) fn answered(
    tables: &Tables,
    now: UnixMillis,
    device: DeviceId,
    id: MessageId,
) -> Result<Option<Place>, StoreError> {
    let key = keys::answer(device, Submitted::Handshake, id);
    let Some(value) = step("looking for an earlier answer", tables.answers.get(key))? else {
        return Ok(None);
    };
    let place = records::answer_place(&value).ok_or(StoreError::Unreadable { what: "an answer" })?;
    Ok((place.time.plus(REMEMBERED) > now).then_some(place))
}

pub(crate) fn canary(tables: &Tables) -> Result<Option<UnixMillis>, StoreError> {
    View::of(tables).record(&keys::meta(Meta::Canary))?.map(|value| records::time(&value)).transpose()
}

pub(crate) fn usage(tables: &Tables) -> Usage {
    let view = View::of(tables);
    let count = |prefix: [u8; 1]| view.at.prefix(&tables.records, prefix).count() as u64;
    Usage { rooms: count(keys::rooms()), devices: count(keys::pools()) }
}

//! Where everything stands: one table of key layouts (values: `records.rs`). Numbers are big-endian, so that order is.

use fjall::Slice;
use wickr_base::{DeviceId, Generation, MessageId, RoomId, Seq, UnixMillis, UserId};
use wickr_store::queue::RoomNumber;

/// First byte of each key in the keyspace `records`.
mod tag {
    pub(super) const META: u8 = 1;
    pub(super) const ROOM: u8 = 2;
    pub(super) const NUMBER: u8 = 3;
    pub(super) const MEMBERS: u8 = 4;
    pub(super) const PART: u8 = 5;
    pub(super) const CURSOR: u8 = 6;
    pub(super) const INBOX: u8 = 7;
    pub(super) const INBOX_ITEM: u8 = 8;
    pub(super) const POOL: u8 = 9;
    pub(super) const POOL_OWNER: u8 = 10;
    pub(super) const REVOKED: u8 = 11;
    pub(super) const REMOVAL: u8 = 12;
    pub(super) const OWNER: u8 = 13;
    pub(super) const EXPIRY: u8 = 14;
    pub(super) const WAITING: u8 = 15;
    pub(super) const REVISION: u8 = 16;
}

/// First byte of each key in the keyspace `large`.
mod large {
    pub(super) const STATE: u8 = 1;
    pub(super) const WELCOME: u8 = 2;
    pub(super) const TREE: u8 = 3;
    pub(super) const PACKAGE: u8 = 4;
    pub(super) const LAST_RESORT: u8 = 5;
}

/// Single values about the store itself.
#[derive(Clone, Copy)]
pub(crate) enum Meta {
    Incarnation = 1,
    Time = 2,
    LastRoom = 3,
    Followed = 4,
    Canary = 5,
    /// How everything here is to be read (`format.rs`).
    Format = 6,
}

/// Namespaces of ids that get the same answer again.
#[derive(Clone, Copy)]
pub(crate) enum Submitted {
    Message = 0,
    Handshake = 1,
}

/// What the expiry index points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Entry(RoomNumber, Seq),
    Welcome(RoomNumber, Generation, u64),
}

pub(crate) type EntryKey = [u8; 16];
pub(crate) type AnswerKey = [u8; 33];

fn key(parts: &[&[u8]]) -> Slice {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Slice::from(bytes)
}

pub(crate) fn entry(room: RoomNumber, seq: Seq) -> EntryKey {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&room.0.to_be_bytes());
    key[8..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

pub(crate) fn entry_seq(key: &[u8]) -> Option<Seq> {
    Some(Seq(u64::from_be_bytes(key.get(8..16)?.try_into().ok()?)))
}

/// Every entry of a room.
pub(crate) fn entries(room: RoomNumber) -> std::ops::RangeInclusive<EntryKey> {
    entry(room, Seq(0))..=entry(room, Seq(u64::MAX))
}

pub(crate) fn answer(sender: DeviceId, what: Submitted, id: MessageId) -> AnswerKey {
    let mut key = [0; 33];
    key[..16].copy_from_slice(sender.as_bytes());
    key[16] = what as u8;
    key[17..].copy_from_slice(&id.0);
    key
}

pub(crate) fn meta(what: Meta) -> Slice {
    key(&[&[tag::META, what as u8]])
}

pub(crate) fn room(number: RoomNumber) -> Slice {
    key(&[&[tag::ROOM], &number.0.to_be_bytes()])
}

pub(crate) fn rooms() -> [u8; 1] {
    [tag::ROOM]
}

/// The room of a `room` key.
pub(crate) fn room_number(key: &[u8]) -> Option<RoomNumber> {
    Some(RoomNumber(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?)))
}

pub(crate) fn number(id: &RoomId) -> Slice {
    key(&[&[tag::NUMBER], id.to_string().as_bytes()])
}

pub(crate) fn members(room: RoomNumber) -> Slice {
    key(&[&[tag::MEMBERS], &room.0.to_be_bytes()])
}

pub(crate) fn part(device: DeviceId, room: RoomNumber) -> Slice {
    key(&[&[tag::PART], device.as_bytes(), &room.0.to_be_bytes()])
}

pub(crate) fn parts() -> [u8; 1] {
    [tag::PART]
}

pub(crate) fn parts_of(device: DeviceId) -> Slice {
    key(&[&[tag::PART], device.as_bytes()])
}

/// Device and room of a `part` key.
pub(crate) fn part_of(key: &[u8]) -> Option<(DeviceId, RoomNumber)> {
    let device = DeviceId::from_bytes(key.get(1..17)?.try_into().ok()?);
    Some((device, RoomNumber(u64::from_be_bytes(key.get(17..25)?.try_into().ok()?))))
}

pub(crate) fn cursors() -> [u8; 1] {
    [tag::CURSOR]
}

pub(crate) fn cursor(device: DeviceId, room: RoomNumber) -> Slice {
    key(&[&[tag::CURSOR], device.as_bytes(), &room.0.to_be_bytes()])
}

pub(crate) fn inbox(device: DeviceId) -> Slice {
    key(&[&[tag::INBOX], device.as_bytes()])
}

pub(crate) fn inbox_item(device: DeviceId, number: u64) -> Slice {
    key(&[&[tag::INBOX_ITEM], device.as_bytes(), &number.to_be_bytes()])
}

pub(crate) fn inbox_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(17..25)?.try_into().ok()?))
}

pub(crate) fn pool(user: UserId, device: DeviceId) -> Slice {
    key(&[&[tag::POOL], user.as_bytes(), device.as_bytes()])
}

pub(crate) fn pools_of(user: UserId) -> Slice {
    key(&[&[tag::POOL], user.as_bytes()])
}

pub(crate) fn pools() -> [u8; 1] {
    [tag::POOL]
}

/// The device of a `pool` key.
pub(crate) fn pool_device(key: &[u8]) -> Option<DeviceId> {
    Some(DeviceId::from_bytes(key.get(17..33)?.try_into().ok()?))
}

pub(crate) fn pool_owner(device: DeviceId) -> Slice {
    key(&[&[tag::POOL_OWNER], device.as_bytes()])
}

pub(crate) fn revoked(device: DeviceId) -> Slice {
    key(&[&[tag::REVOKED], device.as_bytes()])
}

/// How far a device's own store was seen to be.
pub(crate) fn revision(device: DeviceId) -> Slice {
    key(&[&[tag::REVISION], device.as_bytes()])
}

pub(crate) fn all_revoked() -> [u8; 1] {
    [tag::REVOKED]
}

/// The device of a `revoked` key.
pub(crate) fn revoked_device(key: &[u8]) -> Option<DeviceId> {
    Some(DeviceId::from_bytes(key.get(1..17)?.try_into().ok()?))
}

pub(crate) fn removal(room: RoomNumber, device: DeviceId) -> Slice {
    key(&[&[tag::REMOVAL], &room.0.to_be_bytes(), device.as_bytes()])
}

pub(crate) fn removals_in(room: RoomNumber) -> Slice {
    key(&[&[tag::REMOVAL], &room.0.to_be_bytes()])
}

pub(crate) fn removals() -> [u8; 1] {
    [tag::REMOVAL]
}

/// Room and device of a `removal` key.
pub(crate) fn removal_of(key: &[u8]) -> Option<(RoomNumber, DeviceId)> {
    let room = RoomNumber(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?));
    Some((room, DeviceId::from_bytes(key.get(9..25)?.try_into().ok()?)))
}

pub(crate) fn owner(user: UserId) -> Slice {
    key(&[&[tag::OWNER], user.as_bytes()])
}

pub(crate) fn expiries() -> [u8; 1] {
    [tag::EXPIRY]
}

/// Sorted by time; times before 1970 don't occur, and would only be purged late.
pub(crate) fn expiry(at: UnixMillis, thing: Thing) -> Slice {
    let at = u64::try_from(at.0).unwrap_or(0).to_be_bytes();
    match thing {
        Thing::Entry(room, seq) => {
            key(&[&[tag::EXPIRY], &at, &[0], &room.0.to_be_bytes(), &seq.0.to_be_bytes()])
        }
        Thing::Welcome(room, generation, epoch) => key(&[
            &[tag::EXPIRY],
            &at,
            &[1],
            &room.0.to_be_bytes(),
            &generation.0.to_be_bytes(),
            &epoch.to_be_bytes(),
        ]),
    }
}

/// Time and thing of an `expiry` key.
pub(crate) fn expiry_of(key: &[u8]) -> Option<(UnixMillis, Thing)> {
    let u64_at = |at: usize| Some(u64::from_be_bytes(key.get(at..at + 8)?.try_into().ok()?));
    let at = UnixMillis(i64::try_from(u64_at(1)?).ok()?);
    let room = RoomNumber(u64_at(10)?);
    match key.get(9)? {
        0 => Some((at, Thing::Entry(room, Seq(u64_at(18)?)))),
        1 => {
            let generation = Generation(u32::from_be_bytes(key.get(18..22)?.try_into().ok()?));
            Some((at, Thing::Welcome(room, generation, u64_at(22)?)))
        }
        _ => None,
    }
}

fn epoch_key(tag: u8, room: RoomNumber, generation: Generation, epoch: u64) -> Slice {
    key(&[&[tag], &room.0.to_be_bytes(), &generation.0.to_be_bytes(), &epoch.to_be_bytes()])
}

pub(crate) fn waiting(room: RoomNumber, generation: Generation, epoch: u64) -> Slice {
    epoch_key(tag::WAITING, room, generation, epoch)
}

pub(crate) fn welcome(room: RoomNumber, generation: Generation, epoch: u64) -> Slice {
    epoch_key(large::WELCOME, room, generation, epoch)
}

pub(crate) fn tree(room: RoomNumber, generation: Generation, epoch: u64) -> Slice {
    epoch_key(large::TREE, room, generation, epoch)
}

pub(crate) fn state(room: RoomNumber) -> Slice {
    key(&[&[large::STATE], &room.0.to_be_bytes()])
}

pub(crate) fn package(device: DeviceId, at: u64) -> Slice {
    key(&[&[large::PACKAGE], device.as_bytes(), &at.to_be_bytes()])
}

pub(crate) fn last_resort(device: DeviceId) -> Slice {
    key(&[&[large::LAST_RESORT], device.as_bytes()])
}

/// Whether a key of `records` is a pool, and of `large` a one-time package: what a restore must not bring back.
pub(crate) fn is_pool(key: &[u8]) -> bool {
    key.first() == Some(&tag::POOL)
}

pub(crate) fn is_package(key: &[u8]) -> bool {
    key.first() == Some(&large::PACKAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expires_first_sorts_first_and_reads_back() {
        let things = [
            (UnixMillis(5), Thing::Entry(RoomNumber(900), Seq(7))),
            (UnixMillis(5), Thing::Welcome(RoomNumber(1), Generation(3), 8)),
            (UnixMillis(70_000), Thing::Entry(RoomNumber(1), Seq(1))),
        ];
        let keys: Vec<Slice> = things.iter().map(|(at, thing)| expiry(*at, *thing)).collect();
        assert!(keys.is_sorted());
        for (key, thing) in keys.iter().zip(things) {
            assert_eq!(expiry_of(key), Some(thing));
        }
    }
}

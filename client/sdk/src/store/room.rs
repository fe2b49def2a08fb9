//! What the device knows of each room beside its MLS state: generation, cursor, name, what is still owed.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use wickr_base::{Generation, GroupId, Incarnation, RoomId, Seq, UserId};

use super::{Store, StoreError};

/// A room as this device knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// The MLS group it goes by now.
    pub generation: Generation,
    /// The relay's store that the cursor belongs to.
    pub incarnation: Incarnation,
    /// Up to where the log has been taken in.
    pub cursor: Seq,
    /// What it is called, once known.
    pub name: Option<String>,
    /// Whether this device is in it.
    pub membership: Membership,
    /// Users whom this device last knew to be members; repair starts from them.
    pub users: Vec<UserId>,
    /// How many devices those have in it.
    pub devices: usize,
    /// The group's epoch when this device joined it: what was sealed in an earlier one was never meant for it.
    #[serde(default)]
    pub joined_epoch: u64,
    /// An empty path commit is still owed since joining.
    pub owes_path: bool,
    /// The group must be made afresh (`NextGeneration`).
    pub repair: Option<Repair>,
    /// A newer generation has been joined already; its log begins after that place.
    pub next: Option<(Generation, Seq)>,
    /// The relay was restored: once there is a new generation, own messages go out again under their ids.
    pub resend: bool,
}

/// Why a group is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The generation that has to be followed by another one.
    pub from: Generation,
    /// What happened, for a person.
    pub why: String,
}

/// Whether this device is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// It is making the room; the relay has not confirmed it yet.
    Creating,
    /// It is.
    Member,
    /// It has asked to leave; another member commits that.
    Leaving,
    /// It was removed, or has left; history stays.
    Gone,
}

impl Room {
    /// A room that this device has just created or joined.
    pub fn new(id: RoomId, generation: Generation, incarnation: Incarnation, cursor: Seq) -> Self {
        Self {
            id,
            generation,
            incarnation,
            cursor,
            name: None,
            membership: Membership::Member,
            users: Vec::new(),
            devices: 0,
            joined_epoch: 0,
            owes_path: false,
            repair: None,
            next: None,
            resend: false,
        }
    }

    /// Whether messages can be sent in it now.
    pub fn is_usable(&self) -> bool {
        self.membership == Membership::Member && self.repair.is_none()
    }

    /// Whether this device is in it, usable or not.
    pub fn is_member(&self) -> bool {
        matches!(self.membership, Membership::Member | Membership::Creating)
    }

    /// Its MLS group.
    pub fn group(&self) -> GroupId {
        self.id.group(self.generation)
    }
}

impl Store {
    /// Writes a room's record.
    pub fn save_room(&self, room: &Room) -> Result<(), StoreError> {
        let id = room.id.to_string();
        let sealed = self.seal("room", id.as_bytes(), room)?;
        self.with("writing a room", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO room (id, value) VALUES (?1, ?2)")?
                .execute(params![id, sealed])
        })?;
        Ok(())
    }

    /// A room by its id.
    pub fn room(&self, id: &RoomId) -> Result<Option<Room>, StoreError> {
        let id = id.to_string();
        let sealed: Option<Vec<u8>> = self.with("reading a room", |c| {
            c.prepare_cached("SELECT value FROM room WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()
        })?;
        sealed.map(|sealed| self.unseal("room", id.as_bytes(), &sealed)).transpose()
    }

    /// All rooms, by id.
    pub fn rooms(&self) -> Result<Vec<Room>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = self.with("listing rooms", |c| {
            c.prepare_cached("SELECT id, value FROM room ORDER BY id")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        rows.into_iter().map(|(id, sealed)| self.unseal("room", id.as_bytes(), &sealed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use wickr_base::{Secret, SeededRng};

    #[test]
    fn a_room_reads_back_as_written() {
        let rng = Arc::new(SeededRng::new(1));
        let store = Store::in_memory(&Secret::new([1; 32]), rng.clone()).unwrap();
        let id = RoomId::random("hq.example".parse().unwrap(), &*rng);
        let mut room = Room::new(id.clone(), Generation(0), Incarnation::random(&*rng), Seq(3));
        room.name = Some("lage".to_owned());
        store.save_room(&room).unwrap();
        assert_eq!(store.room(&id).unwrap(), Some(room.clone()));
        assert_eq!(store.rooms().unwrap(), [room]);
    }
}

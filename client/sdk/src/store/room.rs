//! What the device knows of each room beside its MLS state: generation, cursor, name, what is still owed.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use wickr_base::{Generation, GroupId, Incarnation, MemberUri, RoomId, Seq, UserId};

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
    /// Users whom this device last knew to be members, from its own MLS state and nobody's word, in order. Who may be
    /// in the next generation is judged by them, and by nothing that a relay says.
    pub users: Vec<UserId>,
    /// At which arrival each user came, counted as this device saw them; people of the beginning have none, or 0.
    #[serde(default)]
    pub came: BTreeMap<UserId, u64>,
    /// How often somebody has come.
    #[serde(default)]
    pub arrivals: u64,
    /// How many devices those have in it.
    pub devices: usize,
    /// The group's epoch when this device joined it: what was sealed in an earlier one was never meant for it.
    #[serde(default)]
    pub joined_epoch: u64,
    /// An empty path commit is still owed since joining.
    pub owes_path: bool,
    /// The group must be made afresh (`NextGeneration`).
    pub repair: Option<Repair>,
    /// Newer generations whose Welcome came before the log got there, oldest first; each is judged when it does.
    #[serde(default)]
    pub ahead: Vec<Ahead>,
    /// The relay was restored: once there is a new generation, own messages go out again under their ids.
    pub resend: bool,
    /// This device is out by the relay's word alone: no commit that it could check says so.
    #[serde(default)]
    pub dropped: bool,
}

/// A generation that is there to be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Which one.
    pub generation: Generation,
    /// Its log begins after that place.
    pub begin: Seq,
    /// Who made it, or brought this device into it.
    pub by: MemberUri,
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
            came: BTreeMap::new(),
            arrivals: 0,
            devices: 0,
            joined_epoch: 0,
            owes_path: false,
            repair: None,
            ahead: Vec::new(),
            resend: false,
            dropped: false,
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

    /// Follows the roster (in order) as commits change it. Who was removed arrives anew when they come back.
    pub fn follow(&mut self, users: Vec<UserId>) {
        if users == self.users {
            return;
        }
        for gone in self.users.iter().filter(|user| users.binary_search(user).is_err()) {
            self.came.remove(gone);
        }
        self.users.retain(|user| users.binary_search(user).is_ok());
        self.go_on_with(users);
    }

    /// The roster (in order) of a new group. Who is left out of it has not been removed: asked in again afterwards, as
    /// a repair does, they have been there all along.
    pub fn go_on_with(&mut self, users: Vec<UserId>) {
        for known in &self.users {
            self.came.entry(*known).or_insert(0);
        }
        let is_first = self.came.is_empty();
        for user in &users {
            if !is_first && !self.came.contains_key(user) {
                self.arrivals += 1;
                self.came.insert(*user, self.arrivals);
            }
        }
        self.users = users;
    }

    /// This device is asked in as if for the first time: what it said before was said to others.
    pub fn begin_with(&mut self, users: Vec<UserId>) {
        self.arrivals += 1;
        self.came = users.iter().map(|user| (*user, self.arrivals)).collect();
        self.users = users;
    }

    /// Those of `users` who are not in the last roster that this device has verified.
    pub fn strangers(&self, users: &[UserId]) -> Vec<UserId> {
        users.iter().filter(|user| !self.users.contains(user)).copied().collect()
    }

    /// Whether all of them were there already when there had been so many arrivals.
    pub fn were_there(&self, users: &[UserId], arrivals: u64) -> bool {
        users.iter().all(|user| match self.came.get(user) {
            Some(at) => *at <= arrivals,
            None => self.users.contains(user),
        })
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

    #[test]
    fn who_came_later_was_not_there_before_and_who_comes_back_comes_anew() {
        let rng = SeededRng::new(1);
        let id = RoomId::random("hq.example".parse().unwrap(), &rng);
        let mut room = Room::new(id, Generation(0), Incarnation::random(&rng), Seq(3));
        let mut people: [UserId; 3] = std::array::from_fn(|_| UserId::random(&rng));
        people.sort();
        let [alice, bob, carol] = people;
        room.users = vec![alice];
        room.follow(vec![alice, bob]);
        let before = room.arrivals;
        room.follow(vec![alice, bob, carol]);
        assert!(room.were_there(&[alice, bob], before) && !room.were_there(&[alice, carol], before));
        assert!(room.were_there(&[alice, bob, carol], room.arrivals));
        room.follow(vec![alice, carol]);
        assert!(!room.were_there(&[bob], room.arrivals));
        let away = room.arrivals;
        room.follow(vec![alice, bob, carol]);
        assert!(!room.were_there(&[bob], away) && room.were_there(&[bob], room.arrivals));
        // Left out of a new group and asked in again, which is no absence.
        let before = room.arrivals;
        room.go_on_with(vec![alice, bob]);
        room.follow(vec![alice, bob, carol]);
        assert!(room.were_there(&[carol], before));
        let mallory = UserId::random(&rng);
        assert_eq!(room.strangers(&[alice, mallory]), [mallory]);
        let before = room.arrivals;
        room.begin_with(vec![alice, bob]);
        assert!(!room.were_there(&[bob], before) && room.were_there(&[bob], room.arrivals));
    }
}

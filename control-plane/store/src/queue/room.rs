//! What a room is to the store, and what it admits: the one rule of sequencing, shared by all engines.

use wickr_base::{DeviceId, Generation, MemberUri, RoomId, Seq, UserId};

use super::{At, Next, Refused};

/// The store's own short name for a room; it never leaves the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomNumber(pub u64);

/// How many epochs before the current one application messages are still admitted from.
const EPOCHS_BACK: u64 = 2;

/// Where a room stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMeta {
    /// The store's name for it.
    pub number: RoomNumber,
    /// The room.
    pub id: RoomId,
    /// Who created it.
    pub owner: UserId,
    /// Its live MLS group.
    pub generation: Generation,
    /// That group's epoch.
    pub epoch: u64,
    /// The oldest epoch from which application messages are admitted.
    pub oldest: u64,
    /// The newest handshake's seq: what a handshake is compared with before it is set.
    pub revision: Seq,
    /// The newest entry's seq.
    pub head: Seq,
    /// The newest handshake that is gone from the log although a member had not acknowledged it: who holds less can't
    /// follow the group any more.
    pub trimmed: Seq,
}

/// A room with those who are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Where it stands.
    pub meta: RoomMeta,
    /// Its leaves, in the order in which they came.
    pub members: Vec<MemberUri>,
    /// Devices whose removal is due.
    pub removals: Vec<DeviceId>,
}

impl RoomMeta {
    /// A room that is about to begin with `next` at seq 1.
    pub fn begin(number: RoomNumber, id: RoomId, owner: UserId, next: Next) -> Self {
        let Next { generation, epoch, .. } = next;
        Self {
            number,
            id,
            owner,
            generation,
            epoch,
            oldest: epoch,
            revision: Seq(0),
            head: Seq(0),
            trimmed: Seq(0),
        }
    }

    /// Whether an application message sealed in that epoch may enter: the current one or the two before, unless a
    /// commit since then removed a leaf.
    pub fn admit(&self, generation: Generation, epoch: u64) -> Result<(), Refused> {
        if generation != self.generation {
            return Err(self.stale_generation());
        }
        if epoch > self.epoch || epoch < self.oldest {
            return Err(self.stale_epoch());
        }
        Ok(())
    }

    /// Whether a handshake that was judged against `at` still meets the room as it is.
    pub fn meets(&self, at: &At) -> Result<(), Refused> {
        match *at {
            At::New { .. } => Err(Refused::RoomExists),
            At::Current { generation, .. } if generation != self.generation => Err(self.stale_generation()),
            At::Current { epoch, .. } if epoch != self.epoch => Err(self.stale_epoch()),
            At::Current { revision, .. } if revision != self.revision => Err(Refused::Conflict),
            At::Current { .. } => Ok(()),
        }
    }

    /// Takes the place for one more entry.
    pub fn advance(&mut self) -> Seq {
        self.head = self.head.next();
        self.head
    }

    /// Moves on to `next`, whose entry stands at `seq`.
    pub fn step(&mut self, next: Next, seq: Seq) {
        self.oldest = if next.generation != self.generation || next.removed_leaf {
            next.epoch
        } else {
            self.oldest.max(next.epoch.saturating_sub(EPOCHS_BACK))
        };
        self.generation = next.generation;
        self.epoch = next.epoch;
        self.revision = seq;
    }

    fn stale_generation(&self) -> Refused {
        Refused::StaleGeneration { generation: self.generation, epoch: self.epoch }
    }

    fn stale_epoch(&self) -> Refused {
        Refused::StaleEpoch { generation: self.generation, epoch: self.epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn room() -> RoomMeta {
        let rng = SeededRng::new(1);
        let id = RoomId::random("hq.example".parse().unwrap(), &rng);
        let next = Next { generation: Generation(0), epoch: 0, removed_leaf: false };
        RoomMeta::begin(RoomNumber(1), id, UserId::random(&rng), next)
    }

    fn commit(room: &mut RoomMeta, removed_leaf: bool) {
        let seq = room.advance();
        room.step(Next { generation: room.generation, epoch: room.epoch + 1, removed_leaf }, seq);
    }

    #[test]
    fn messages_of_this_epoch_and_the_two_before_are_admitted() {
        let mut room = room();
        for _ in 0..5 {
            commit(&mut room, false);
        }
        let admitted: Vec<u64> = (0..8).filter(|epoch| room.admit(Generation(0), *epoch).is_ok()).collect();
        assert_eq!(admitted, [3, 4, 5]);
    }

    #[test]
    fn a_commit_that_removes_a_leaf_shuts_out_every_epoch_before_it() {
        let mut room = room();
        commit(&mut room, false);
        commit(&mut room, true);
        assert_eq!(
            room.admit(Generation(0), 1),
            Err(Refused::StaleEpoch { generation: Generation(0), epoch: 2 })
        );
        commit(&mut room, false);
        assert!(room.admit(Generation(0), 1).is_err());
        assert!(room.admit(Generation(0), 2).is_ok());
    }

    #[test]
    fn a_new_generation_shuts_out_the_old_one_whatever_the_epoch() {
        let mut room = room();
        commit(&mut room, false);
        let seq = room.advance();
        room.step(Next { generation: Generation(1), epoch: 1, removed_leaf: false }, seq);
        assert!(room.admit(Generation(0), 1).is_err());
        assert!(room.admit(Generation(1), 0).is_err());
        assert!(room.admit(Generation(1), 1).is_ok());
    }

    #[test]
    fn a_handshake_meets_only_the_room_that_it_was_judged_against() {
        let mut room = room();
        commit(&mut room, false);
        let at = |generation, epoch, revision| At::Current {
            generation: Generation(generation),
            epoch,
            revision: Seq(revision),
        };
        assert_eq!(room.meets(&at(0, 1, 1)), Ok(()));
        assert!(matches!(room.meets(&at(1, 1, 1)), Err(Refused::StaleGeneration { .. })));
        assert!(matches!(room.meets(&at(0, 0, 1)), Err(Refused::StaleEpoch { .. })));
        assert_eq!(room.meets(&at(0, 1, 0)), Err(Refused::Conflict));
    }
}

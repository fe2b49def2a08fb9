//! After signing in: which rooms the device has, and from where each is delivered.

use std::collections::HashMap;

use bytes::Bytes;
use wickr_base::Seq;
use wickr_store::queue::Membership;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Resume, RoomState, Rooms, reply};

use crate::connection::{Over, Place, Session};
use crate::outbox::Who;
use crate::refusal::Refusal;

impl Session {
    pub(crate) async fn resume(&mut self, request: u64, resume: Resume, who: &Who) -> Result<(), Over> {
        if self.resumed {
            let refusal = Refusal::new(ProblemCode::AlreadyExists, "the connection has resumed already");
            return self.answer(request, Err(refusal)).await;
        }
        // From here on joins reach the outbox; what was joined before is read now.
        self.resumed = true;
        match self.rooms_after(&resume, who).await {
            Ok(rooms) => {
                (self.inbox, self.resuming) = (true, true);
                let incarnation = Bytes::copy_from_slice(&self.relay.store.incarnation().0);
                let rooms = Rooms { incarnation, rooms };
                self.answer(request, Ok(reply::Outcome::Rooms(rooms))).await
            }
            Err(refusal) => {
                self.resumed = false;
                self.answer(request, Err(refusal)).await
            }
        }
    }

    async fn rooms_after(&mut self, resume: &Resume, who: &Who) -> Result<Vec<RoomState>, Refusal> {
        let ours = self.relay.store.incarnation().0;
        let (same, fresh) = (resume.incarnation == ours.as_slice(), resume.incarnation.is_empty());
        self.inbox_sent = if same { resume.inbox } else { 0 };
        let cursors: HashMap<&str, u64> = if same {
            resume.cursors.iter().map(|cursor| (cursor.room.as_str(), cursor.seq)).collect()
        } else {
            HashMap::new()
        };
        let mut states = Vec::new();
        for part in self.relay.store.memberships(who.device).await? {
            let Some(room) = self.relay.rooms.get(&*self.relay.store, &part.room.id).await? else { continue };
            let after = after(&part, cursors.get(&*room.name).copied());
            states.push(RoomState {
                room: room.name.to_string(),
                generation: part.room.generation.0,
                epoch: part.room.epoch,
                head: part.until.unwrap_or(part.room.head).0,
                resynchronise: (!same && !fresh) || missed(&part, after),
                after: after.0,
                removed: part.until.is_some(),
            });
            if part.until.is_none() {
                room.subscribe(who.device, &self.shared);
            }
            self.names.insert(room.name.clone(), room.number);
            self.behind.insert(room.number);
            self.places.insert(room.number, Place { room, sent: after, until: part.until });
        }
        Ok(states)
    }
}

/// Whether a handshake after that place is gone: then the device can't follow the group, and nothing else would say so.
fn missed(part: &Membership, after: Seq) -> bool {
    part.until.is_none() && after < part.room.trimmed
}

/// The furthest of where it joined, what it acknowledged, what it says it holds; never past the end.
fn after(part: &Membership, cursor: Option<u64>) -> Seq {
    let end = part.until.unwrap_or(part.room.head);
    part.from.max(part.acknowledged).max(Seq(cursor.unwrap_or(0))).min(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{Generation, RoomId, SeededRng, UserId};
    use wickr_store::queue::{Next, RoomMeta, RoomNumber};

    #[test]
    fn a_device_that_missed_a_handshake_which_is_gone_is_told_so() {
        let rng = SeededRng::new(1);
        let id = RoomId::random("hq.example".parse().unwrap(), &rng);
        let next = Next { generation: Generation(0), epoch: 0, removed_leaf: false };
        let mut room = RoomMeta::begin(RoomNumber(1), id, UserId::random(&rng), next);
        (room.head, room.trimmed) = (Seq(9), Seq(4));
        let part = |until| Membership { room: room.clone(), from: Seq(1), until, acknowledged: Seq(2) };
        assert!(missed(&part(None), after(&part(None), None)));
        assert!(!missed(&part(None), after(&part(None), Some(4))), "it holds more than it has acknowledged");
        assert!(!missed(&part(Some(Seq(9))), Seq(2)), "a removed device follows no group");
    }
}

//! What each operation does to the model; reading stands in `read.rs`.

use std::collections::HashSet;

use wickr_base::{DeviceId, MemberUri, MessageId, Seq, UnixMillis, UserId};

use super::super::{
    Append, At, Change, Claimed, ClaimedPackage, CursorMove, DeviceRevision, Entry, EntryKind, Handshake,
    MAX_INBOX, MAX_POOL, MAX_ROOMS_PER_USER, Operation, Outcome, Place, PoolCount, PoolEntry, Publish,
    REMEMBERED, Refused, RoomMeta, RoomNumber, Sequenced,
};
use super::{Part, Pool, RoomRecord, State, Submitted, Thing, Waiting};

impl State {
    pub(super) fn apply(&mut self, operation: &Operation) -> Outcome {
        let done = match operation {
            Operation::Append(append) => self.append(append).map(Outcome::Sequenced),
            Operation::Handshake(handshake) => self.handshake(handshake).map(Outcome::Sequenced),
            Operation::MoveCursors(moves) => {
                for one in moves {
                    self.move_cursor(*one);
                }
                Ok(Outcome::Done)
            }
            Operation::ClearInbox { device, through } => {
                self.clear_inbox(*device, *through);
                Ok(Outcome::Done)
            }
            Operation::SignIn(revision) => self.sign_in(*revision).map(|()| Outcome::Done),
            Operation::NoteRevisions(revisions) => {
                for one in revisions {
                    self.note_revision(*one);
                }
                Ok(Outcome::Done)
            }
            Operation::Publish(publish) => self.publish(publish).map(Outcome::Pool),
            Operation::Claim { users, kept, live_at } => {
                Ok(Outcome::Claimed(self.claim(users, kept, *live_at)))
            }
            Operation::Apply(change) => Ok(self.change(*change)),
            Operation::Purge { at_most } => Ok(self.purge(*at_most)),
            Operation::Trim { trim, at_most } => Ok(self.trim(trim, *at_most)),
            Operation::Canary => {
                self.canary = Some(self.time);
                Ok(Outcome::Done)
            }
        };
        done.unwrap_or_else(Outcome::Refused)
    }

    pub(super) fn answered(&self, sender: DeviceId, what: Submitted, id: MessageId) -> Option<Sequenced> {
        let place = self.answers.get(&(sender, what, id))?;
        let remembered = place.time.plus(REMEMBERED) > self.time;
        remembered.then(|| Sequenced { place: *place, repeated: true, inbox: Vec::new() })
    }

    fn append(&mut self, append: &Append) -> Result<Sequenced, Refused> {
        if let Some(answer) = self.answered(append.sender, Submitted::Message, append.id) {
            return Ok(answer);
        }
        let time = self.time;
        let room = self.rooms.get_mut(&append.room).ok_or(Refused::NoRoom)?;
        room.meta.admit(append.generation, append.epoch)?;
        if append.expires_at.is_some_and(|at| at <= time) {
            return Err(Refused::Expired);
        }
        let place = Place { seq: room.meta.advance(), time };
        let entry = Entry {
            place,
            generation: append.generation,
            kind: EntryKind::Application,
            sender: Some(append.sender),
            id: append.id,
            expires_at: append.expires_at,
            body: append.body.clone(),
        };
        room.log.insert(place.seq, entry);
        if let Some(at) = append.expires_at {
            self.expiry.insert((at, Thing::Entry(append.room, place.seq)));
        }
        self.answers.insert((append.sender, Submitted::Message, append.id), place);
        Ok(Sequenced { place, repeated: false, inbox: Vec::new() })
    }

    fn handshake(&mut self, handshake: &Handshake) -> Result<Sequenced, Refused> {
        if let Some(sender) = handshake.sender
            && let Some(answer) = self.answered(sender, Submitted::Handshake, handshake.id)
        {
            return Ok(answer);
        }
        let found = self.meet(handshake)?;
        for device in handshake.joined.iter().filter_map(|uri| Some(uri.device()?.1)) {
            if self.revoked.contains(&device) {
                return Err(Refused::Revoked(device));
            }
        }
        for device in handshake.welcome.iter().flat_map(|welcome| &welcome.recipients) {
            if self.inboxes.get(device).is_some_and(|inbox| inbox.items.len() as u64 >= MAX_INBOX) {
                return Err(Refused::Full(*device));
            }
        }
        let number = match (found, handshake.at) {
            (None, At::New { owner }) => self.create(handshake, owner),
            (found, _) => found.ok_or(Refused::NoRoom)?,
        };
        let place = self.write_entry(number, handshake);
        self.change_members(number, handshake, place.seq);
        let inbox = self.write_welcome(number, handshake, place);
        if let Some(sender) = handshake.sender {
            self.answers.insert((sender, Submitted::Handshake, handshake.id), place);
        }
        Ok(Sequenced { place, repeated: false, inbox })
    }

    fn meet(&self, handshake: &Handshake) -> Result<Option<RoomNumber>, Refused> {
        if let Some(number) = self.numbers.get(&handshake.room) {
            self.rooms[number].meta.meets(&handshake.at)?;
            return Ok(Some(*number));
        }
        let At::New { owner } = handshake.at else { return Err(Refused::NoRoom) };
        if self.owners.get(&owner).is_some_and(|owned| *owned >= MAX_ROOMS_PER_USER) {
            return Err(Refused::TooManyRooms);
        }
        Ok(None)
    }

    fn create(&mut self, handshake: &Handshake, owner: UserId) -> RoomNumber {
        *self.owners.entry(owner).or_default() += 1;
        self.next_room += 1;
        let number = RoomNumber(self.next_room);
        let meta = RoomMeta::begin(number, handshake.room.clone(), owner, handshake.next);
        self.numbers.insert(handshake.room.clone(), number);
        self.rooms.insert(number, RoomRecord::new(meta));
        number
    }

    fn write_entry(&mut self, number: RoomNumber, handshake: &Handshake) -> Place {
        let time = self.time;
        let Some(room) = self.rooms.get_mut(&number) else { return Place { seq: Seq(0), time } };
        let place = Place { seq: room.meta.advance(), time };
        room.meta.step(handshake.next, place.seq);
        room.state = handshake.state.clone();
        let entry = Entry {
            place,
            generation: handshake.next.generation,
            kind: handshake.kind,
            sender: handshake.sender,
            id: handshake.id,
            expires_at: None,
            body: handshake.body.clone(),
        };
        room.log.insert(place.seq, entry);
        place
    }

    fn change_members(&mut self, number: RoomNumber, handshake: &Handshake, seq: Seq) {
        let Some(room) = self.rooms.get_mut(&number) else { return };
        room.members.retain(|member| !handshake.left.contains(member));
        room.members.extend(handshake.joined.iter().cloned());
        for (_, device) in handshake.left.iter().filter_map(MemberUri::device) {
            room.removals.remove(&device);
            if let Some(part) = self.memberships.get_mut(&(device, number)) {
                part.until = Some(seq);
            }
        }
        for (_, device) in handshake.joined.iter().filter_map(MemberUri::device) {
            self.memberships.insert((device, number), Part { from: seq, until: None, acknowledged: seq });
        }
        if room.members.is_empty()
            && !handshake.left.is_empty()
            && let Some(owned) = self.owners.get_mut(&room.meta.owner)
        {
            *owned = owned.saturating_sub(1);
        }
    }

    fn write_welcome(
        &mut self,
        number: RoomNumber,
        handshake: &Handshake,
        place: Place,
    ) -> Vec<(DeviceId, u64)> {
        let Some(welcome) = &handshake.welcome else { return Vec::new() };
        let (generation, epoch) = (handshake.next.generation, handshake.next.epoch);
        let until = place.time.plus(REMEMBERED);
        let waiting = Waiting {
            message: welcome.message.clone(),
            tree: welcome.tree.clone(),
            pending: welcome.recipients.len(),
            until,
        };
        self.welcomes.insert((number, generation, epoch), waiting);
        self.expiry.insert((until, Thing::Welcome(number, generation, epoch)));
        let mut numbers = Vec::with_capacity(welcome.recipients.len());
        for device in &welcome.recipients {
            let inbox = self.inboxes.entry(*device).or_default();
            inbox.last += 1;
            inbox.items.insert(inbox.last, (number, generation, epoch, place));
            numbers.push((*device, inbox.last));
        }
        numbers
    }

    fn move_cursor(&mut self, one: CursorMove) {
        let Some(head) = self.room(one.room).map(|room| room.meta.head) else { return };
        let Some(part) = self.memberships.get_mut(&(one.device, one.room)) else { return };
        let last = part.until.unwrap_or(head);
        part.acknowledged = part.acknowledged.max(one.seq.min(last));
        if part.until.is_some_and(|until| part.acknowledged >= until) {
            self.memberships.remove(&(one.device, one.room));
        }
    }

    fn clear_inbox(&mut self, device: DeviceId, through: u64) {
        let Some(inbox) = self.inboxes.get_mut(&device) else { return };
        let rest = inbox.items.split_off(&through.saturating_add(1));
        for (number, generation, epoch, _) in std::mem::replace(&mut inbox.items, rest).into_values() {
            let key = (number, generation, epoch);
            if let Some(waiting) = self.welcomes.get_mut(&key) {
                waiting.pending -= 1;
                if waiting.pending == 0 {
                    self.welcomes.remove(&key);
                }
            }
        }
    }

    fn sign_in(&mut self, one: DeviceRevision) -> Result<(), Refused> {
        if self.revoked.contains(&one.device) {
            return Err(Refused::Revoked(one.device));
        }
        match self.revisions.get(&one.device) {
            Some(&seen) if one.revision <= seen => Err(Refused::OldStore { seen }),
            _ => {
                self.revisions.insert(one.device, one.revision);
                Ok(())
            }
        }
    }

    fn note_revision(&mut self, one: DeviceRevision) {
        if !self.revoked.contains(&one.device) {
            let seen = self.revisions.entry(one.device).or_default();
            *seen = one.revision.max(*seen);
        }
    }

    fn publish(&mut self, publish: &Publish) -> Result<PoolCount, Refused> {
        if self.revoked.contains(&publish.device) {
            return Err(Refused::Revoked(publish.device));
        }
        let time = self.time;
        let pool = self.pools.entry((publish.user, publish.device)).or_default();
        while pool.one_time.front().is_some_and(|entry| publish.replace || entry.not_after <= time) {
            pool.one_time.pop_front();
        }
        if pool.one_time.len() + publish.one_time.len() > MAX_POOL as usize {
            return Err(Refused::Full(publish.device));
        }
        pool.one_time.extend(publish.one_time.iter().cloned());
        if publish.last_resort.is_some() || publish.replace {
            pool.last_resort.clone_from(&publish.last_resort);
        }
        Ok(pool.count(time))
    }

    fn claim(&mut self, users: &[UserId], kept: &[UserId], live_at: UnixMillis) -> Claimed {
        let mut claimed = Claimed::default();
        let mut seen = HashSet::new();
        for user in users.iter().filter(|user| seen.insert(**user)) {
            for (&(_, device), pool) in self
                .pools
                .range_mut((*user, DeviceId::from_bytes([0; 16]))..=(*user, DeviceId::from_bytes([255; 16])))
            {
                match pool.take(live_at, kept.contains(user)) {
                    Some(entry) => {
                        claimed.packages.push(ClaimedPackage { user: *user, device, package: entry.package });
                    }
                    None => claimed.without.push((*user, device)),
                }
            }
        }
        claimed
    }

    fn change(&mut self, change: Change) -> Outcome {
        self.followed = Some(change.followed);
        let Some(revoked) = change.revoked.filter(|device| self.revoked.insert(*device)) else {
            return Outcome::Revoked(Vec::new());
        };
        self.revisions.remove(&revoked);
        self.pools.retain(|(_, device), _| *device != revoked);
        let mut rooms = Vec::new();
        for (&(device, number), part) in &self.memberships {
            if device == revoked
                && part.until.is_none()
                && let Some(room) = self.rooms.get_mut(&number)
            {
                room.removals.insert(device);
                rooms.push(room.meta.id.clone());
            }
        }
        Outcome::Revoked(rooms)
    }

    fn purge(&mut self, at_most: usize) -> Outcome {
        let due = self.expiry.iter().take_while(|(at, _)| Some(*at) <= self.settled);
        let due: Vec<_> = due.copied().collect();
        for due in due.iter().take(at_most) {
            self.expiry.remove(due);
            match due.1 {
                Thing::Entry(number, seq) => {
                    if let Some(room) = self.rooms.get_mut(&number) {
                        room.remove(seq);
                    }
                }
                Thing::Welcome(number, generation, epoch) => {
                    self.welcomes.remove(&(number, generation, epoch));
                }
            }
        }
        Outcome::Purged { removed: due.len().min(at_most), more: due.len() > at_most }
    }
}

impl Pool {
    pub(super) fn count(&self, now: UnixMillis) -> PoolCount {
        let one_time = u32::try_from(self.one_time.len()).unwrap_or(u32::MAX);
        PoolCount {
            one_time,
            last_resort: self.last_resort.as_ref().is_some_and(|entry| entry.not_after > now),
        }
    }

    fn take(&mut self, live_at: UnixMillis, keep: bool) -> Option<PoolEntry> {
        let last_resort = self.last_resort.clone().filter(|entry| entry.not_after > live_at);
        if keep && last_resort.is_some() {
            return last_resort;
        }
        while let Some(entry) = self.one_time.pop_front() {
            if entry.not_after > live_at {
                return Some(entry);
            }
        }
        last_resort
    }
}

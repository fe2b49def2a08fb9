//! Taking in a room's log: each frame in one transaction, MLS state, messages and cursor together; then the relay is told.

use wickr_base::{Generation, MemberUri, MessageId, RoomId, Seq, UnixMillis};
use wickr_e2ee::{ApplicationHeader, Committed, E2eeError, Event};
use wickr_wire::content::Outer;
use wickr_wire::relay::{Cursor, Deliver, Entry, GenerationEntry, entry};

use super::agenda::Task;
use super::core::Core;
use super::credentials::why;
use crate::Error;
use crate::content::{self, Body};
use crate::store::{Ahead, CommitReason, Membership, Message, OwnCopy, Repair, Room, Unsent};

impl Core {
    /// Takes one frame in; gives what to acknowledge, or nothing for a room that this device does not know.
    pub(super) fn take_in(&self, deliver: &Deliver) -> Result<Option<Cursor>, Error> {
        let id: RoomId =
            deliver.room.parse().map_err(|_| Error::Protocol("entries of a room without an id"))?;
        let taken = self.store.write(|| {
            let Some(room) = self.store.room(&id)? else { return Ok::<_, Error>(None) };
            let mut log = Log { core: self, room, group: None, touched: false, plans: Vec::new() };
            for entry in &deliver.entries {
                log.take(entry)?;
            }
            self.store.raise_revision()?;
            log.finish().map(Some)
        })?;
        let Some((room, plans)) = taken else { return Ok(None) };
        for task in plans {
            self.plan(&room.id, task);
        }
        self.announce();
        Ok(Some(Cursor { room: deliver.room.clone(), seq: room.cursor.0 }))
    }

    pub(super) fn plan(&self, room: &RoomId, task: Task) {
        let environment = &self.environment;
        let now = environment.clock.elapsed();
        self.agenda.lock().plan(room, task, now, &environment.timings, &*environment.rng);
    }

    /// An own message has its place in the log: out of the outbox, into history.
    pub(super) fn acknowledged(&self, unsent: &Unsent, seq: Seq, time: UnixMillis) -> Result<(), Error> {
        self.store.write(|| {
            self.store.remove_unsent(unsent.id)?;
            let written = content::envelope(&unsent.content)
                .and_then(|outer| content::read(&outer, &unsent.content))?;
            if let Body::Text(text) = written.body {
                let message = Message {
                    place: 0,
                    room: unsent.room.clone(),
                    seq,
                    time,
                    id: unsent.id,
                    sender: self.account().uri(),
                    mine: true,
                    expires: unsent.expires,
                    text,
                };
                let copy = OwnCopy { content: unsent.content.clone(), audience: unsent.audience };
                if !self.store.save_message(&message, Some(&copy))? {
                    self.store.move_own_message(&unsent.room, unsent.id, seq)?;
                }
            }
            Ok(())
        })
    }
}

/// One frame of one room while it is being taken in, inside the transaction.
struct Log<'a> {
    core: &'a Core,
    room: Room,
    // Opened on first use.
    group: Option<wickr_e2ee::Room>,
    touched: bool,
    plans: Vec<Task>,
}

impl Log<'_> {
    fn take(&mut self, entry: &Entry) -> Result<(), Error> {
        let body = entry.body.as_ref().ok_or(Error::Protocol("an entry with nothing in it"))?;
        let last = match body {
            entry::Body::Expired(run) => run.through.max(entry.seq),
            _ => entry.seq,
        };
        if last <= self.room.cursor.0 {
            return Ok(());
        }
        if entry.seq > self.room.cursor.next().0 {
            // The log of a generation joined meanwhile; the relay leaves out what came before it.
            let Some(ahead) = self.room.ahead.iter().find(|ahead| entry.seq == ahead.begin.next().0) else {
                let (room, held) = (self.room.id.clone(), self.room.cursor.0);
                return Err(Error::Gap { room, held, given: entry.seq });
            };
            self.switch(ahead.clone())?;
        }
        let time = UnixMillis(entry.time_ms);
        let seq = Seq(entry.seq);
        match body {
            entry::Body::Expired(_) => {}
            entry::Body::GenerationStarted(started) => self.generation_started(started, seq)?,
            // Of a group that is over, or of one that this device does not take for the room's.
            _ if Generation(entry.generation) != self.room.generation => {}
            entry::Body::Own(own) => {
                let id = MessageId::from_slice(&own.message_id)
                    .ok_or(Error::Protocol("an own message without an id"))?;
                self.own(id, seq, time)?;
            }
            _ if self.room.membership == Membership::Gone => {}
            entry::Body::Commit(commit) => self.commit(&commit.commit, seq, time)?,
            entry::Body::Proposal(proposal) => self.proposal(proposal, seq, time)?,
            entry::Body::Application(message) => self.application(message, seq, time)?,
        }
        self.room.cursor = Seq(last);
        Ok(())
    }

    fn finish(mut self) -> Result<(Room, Vec<Task>), Error> {
        self.keep()?;
        self.core.store.save_room(&self.room)?;
        Ok((self.room, self.plans))
    }

    /// Keeps what the entries so far have made of the group.
    fn keep(&mut self) -> Result<(), Error> {
        if self.touched
            && let Some(group) = &mut self.group
        {
            self.room.follow(users_of(group));
            self.room.devices = group.roster().len();
            group.save(&mut self.core.store.clone()).map_err(Error::mls("saving a room"))?;
        }
        self.touched = false;
        Ok(())
    }

    /// The open group; none while the room waits for a repair that gives it one.
    fn group(&mut self) -> Result<Option<&mut wickr_e2ee::Room>, Error> {
        if self.group.is_none() {
            self.group = self.core.open(&self.room)?;
        }
        Ok(self.group.as_mut())
    }

    fn commit(&mut self, commit: &[u8], seq: Seq, time: UnixMillis) -> Result<(), Error> {
        let Some(group) = self.group()? else { return Ok(()) };
        let by = group.claimed_sender(commit).cloned();
        match group.process(commit, time) {
            Ok(Event::Committed(done)) => self.committed(&done, seq),
            Ok(Event::Removed { committer }) => {
                let text = format!("this device was removed from the room; the commit is by {committer}");
                self.gone(seq, text)
            }
            Ok(_) => Err(Error::Protocol("a commit entry that is no commit")),
            // Came before, in the life of the relay before its restore.
            Err(E2eeError::OtherEpoch { epoch, current, .. }) if epoch < current => Ok(()),
            Err(error @ (E2eeError::Store { .. } | E2eeError::Damaged { .. })) => {
                Err(Error::mls("taking in a commit")(error))
            }
            Err(error) => {
                let by = by.map(|by| self.core.name_of(&by)).transpose()?;
                let by = by.map_or_else(String::new, |by| format!(" in the name of {by}"));
                self.broken(seq, &format!("a commit{by} can't be applied ({})", why(&error)))
            }
        }
    }

    fn committed(&mut self, done: &Committed, seq: Seq) -> Result<(), Error> {
        self.touched = true;
        self.tell_devices(done, seq)?;
        let own = self.core.store.own_commit(&self.room.id)?;
        // Ours came back, or another's made it void.
        self.core.store.remove_own_commit(&self.room.id)?;
        if done.own
            && let Some(own) = own
        {
            if matches!(own.reason, CommitReason::Add(_)) {
                self.repeat_name()?;
            } else {
                self.room.owes_path = false;
            }
        }
        if !done.added.is_empty() {
            self.core.strangers.notify_one();
        }
        let waits = self.group.as_ref().is_some_and(|group| !group.pending_removals().is_empty());
        if waits {
            self.plans.push(Task::Proposals);
        }
        Ok(())
    }

    /// A member with one device more: it may be somebody else's, signed in under their name.
    fn tell_devices(&self, done: &Committed, seq: Seq) -> Result<(), Error> {
        let Some(group) = &self.group else { return Ok(()) };
        let user = |uri: &MemberUri| uri.device().map(|(user, _)| user);
        for added in &done.added {
            let stayed = group.roster().map(|member| &member.uri).filter(|uri| !done.added.contains(uri));
            // Of the person's own devices this one has told when it first saw them.
            let told = done.own && user(added) == Some(self.core.account().user);
            if !told && stayed.chain(&done.removed).any(|other| user(other) == user(added)) {
                self.core.tell_device(&self.room.id, added, &done.committer, seq)?;
            }
        }
        Ok(())
    }

    /// Whoever commits an Add tells the newcomers what the room is called.
    fn repeat_name(&self) -> Result<(), Error> {
        if let Some(name) = &self.room.name {
            self.core.queue_name(&self.room.id, name)?;
        }
        Ok(())
    }

    fn proposal(&mut self, proposal: &[u8], seq: Seq, time: UnixMillis) -> Result<(), Error> {
        let own = self.core.account().uri();
        let Some(group) = self.group()? else { return Ok(()) };
        match group.process(proposal, time) {
            Ok(Event::RemovalProposed(removal)) => {
                self.touched = true;
                if removal.member != own {
                    self.plans.push(Task::Proposals);
                }
                Ok(())
            }
            Ok(_) => Err(Error::Protocol("a proposal entry that is no proposal")),
            Err(E2eeError::OtherEpoch { .. }) => Ok(()),
            Err(error @ (E2eeError::Store { .. } | E2eeError::Damaged { .. })) => {
                Err(Error::mls("taking in a proposal")(error))
            }
            Err(error) => self.report(seq, format!("a proposal was not taken: {}", why(&error))),
        }
    }

    fn application(&mut self, message: &[u8], seq: Seq, time: UnixMillis) -> Result<(), Error> {
        let header = ApplicationHeader::parse(message);
        if header.as_ref().is_ok_and(|header| header.epoch < self.room.joined_epoch) {
            // Its sender did not know of this device yet. It can't be read here, and nobody has done anything wrong.
            return Ok(());
        }
        let id = header.and_then(|header| header.outer());
        let id = id.ok().and_then(|outer| MessageId::from_slice(&outer.message_id));
        let Some(group) = self.group()? else { return Ok(()) };
        let outcome = group.process(message, time);
        // Also a message that does not open may have used up a key.
        self.touched = true;
        match outcome {
            Ok(Event::Message { sender, outer, plaintext }) => {
                self.opened(&sender, &outer, plaintext.expose(), seq, time)
            }
            Ok(Event::OwnMessage { outer }) => match MessageId::from_slice(&outer.message_id) {
                Some(id) => self.own(id, seq, time),
                None => Err(Error::Protocol("an own message without an id")),
            },
            Ok(_) => Err(Error::Protocol("an application entry that is no message")),
            Err(error @ (E2eeError::Store { .. } | E2eeError::Damaged { .. })) => {
                Err(Error::mls("taking in a message")(error))
            }
            Err(error) => {
                // Delivered once more after a restore of the relay: its key was used up the first time.
                if let Some(id) = id
                    && self.core.store.knows_message(&self.room.id, id)?
                {
                    return Ok(());
                }
                self.report(seq, format!("a message was dropped, it does not open: {}", why(&error)))
            }
        }
    }

    fn opened(
        &mut self,
        sender: &MemberUri,
        outer: &Outer,
        plaintext: &[u8],
        seq: Seq,
        time: UnixMillis,
    ) -> Result<(), Error> {
        let written = match content::read(outer, plaintext) {
            Ok(written) => written,
            Err(error) => return self.report(seq, format!("a message of {sender} was dropped: {error}")),
        };
        match written.body {
            Body::RoomName(name) => self.room.name = Some(name),
            Body::Text(text) => {
                let message = Message {
                    place: 0,
                    room: self.room.id.clone(),
                    seq,
                    time,
                    id: written.id,
                    sender: sender.clone(),
                    mine: false,
                    expires: written.expires,
                    text,
                };
                // False where it was sent again under the same id: the application has it already.
                self.core.store.save_message(&message, None)?;
            }
        }
        Ok(())
    }

    fn own(&mut self, id: MessageId, seq: Seq, time: UnixMillis) -> Result<(), Error> {
        if let Some(unsent) = self.core.store.unsent_by_id(id)? {
            return self.core.acknowledged(&unsent, seq, time);
        }
        self.core.store.move_own_message(&self.room.id, id, seq)?;
        Ok(())
    }

    fn generation_started(&mut self, started: &GenerationEntry, seq: Seq) -> Result<(), Error> {
        let generation = Generation(started.generation);
        if self.room.membership == Membership::Creating {
            self.room.membership = Membership::Member;
        }
        if generation <= self.room.generation {
            return Ok(());
        }
        let own = self.core.store.own_commit(&self.room.id)?;
        let ours = own.is_some_and(|own| {
            own.reason == CommitReason::Generation(generation) && own.id.0.as_slice() == &*started.id
        });
        if ours {
            let by = self.core.account().uri();
            if self.switch(Ahead { generation, begin: seq, by })? {
                self.repeat_name()?;
            }
            return Ok(());
        }
        let ahead = self.room.ahead.iter().find(|ahead| ahead.generation == generation).cloned();
        let taken = match ahead {
            Some(ahead) => self.switch(ahead)?,
            None => false,
        };
        if taken || self.room.membership == Membership::Gone {
            return Ok(());
        }
        // Its Welcome did not open, was not to be taken, or has not come yet. If none comes, the roster will tell whether
        // this device is meant to be in it. Until then the old group says who is in the room.
        if self.room.repair.as_ref().is_none_or(|repair| repair.from < generation) {
            let why = "it goes on in a new group, to which no invitation has come yet".to_owned();
            self.room.repair = Some(Repair { from: generation, why });
            self.plans.push(Task::Repair);
        }
        Ok(())
    }

    /// Goes on with a group that is in the store; false when it may not be, and the old one is kept.
    fn switch(&mut self, next: Ahead) -> Result<bool, Error> {
        // What the new one is judged by.
        self.keep()?;
        self.group = None;
        self.room.ahead.retain(|ahead| ahead.generation != next.generation);
        let Ahead { generation, begin, by } = next;
        let taken = match self.core.successor(&self.room.id, generation, begin, by)? {
            Some(next) => self.core.succeed(&mut self.room, next)?,
            None => false,
        };
        self.room.cursor = self.room.cursor.max(begin);
        Ok(taken)
    }

    fn gone(&mut self, seq: Seq, text: String) -> Result<(), Error> {
        let asked_for = self.room.membership == Membership::Leaving;
        self.core.end_room(&mut self.room, &text)?;
        (self.room.resend, self.room.dropped) = (false, false);
        self.group = None;
        self.touched = false;
        if asked_for { Ok(()) } else { self.report(seq, text) }
    }

    fn broken(&mut self, seq: Seq, text: &str) -> Result<(), Error> {
        if self.room.repair.is_none() {
            self.room.repair = Some(Repair { from: self.room.generation, why: text.to_owned() });
            self.plans.push(Task::Repair);
            self.report(seq, format!("the room needs a fresh group: {text}"))?;
        }
        Ok(())
    }

    fn report(&self, seq: Seq, text: String) -> Result<(), Error> {
        self.core.notice(Some(&self.room.id), Some(seq.0), text)
    }
}

/// The people behind the leaves.
pub(super) fn users_of(group: &wickr_e2ee::Room) -> Vec<wickr_base::UserId> {
    let mut users: Vec<_> = group.roster().filter_map(|member| Some(member.uri.device()?.0)).collect();
    users.sort();
    users.dedup();
    users
}

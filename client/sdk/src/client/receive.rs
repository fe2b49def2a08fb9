//! Taking in a room's log: each frame in one transaction, MLS state, messages and cursor together; then the relay is told.

use wickr_base::{Generation, MemberUri, MessageId, RoomId, Seq, UnixMillis};
use wickr_e2ee::{ApplicationHeader, Committed, E2eeError, Event};
use wickr_wire::ProblemCode;
use wickr_wire::content::Outer;
use wickr_wire::relay::{Cursor, Deliver, Entry, GenerationEntry, entry};

use super::agenda::Task;
use super::core::Core;
use super::credentials::why;
use crate::Error;
use crate::content::{self, Body};
use crate::store::{CommitReason, Membership, Message, Repair, Room, Unsent, UnsentState};

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
                if !self.store.save_message(&message, Some(&unsent.content))? {
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
            match self.room.next {
                // The log of a generation joined meanwhile; the relay leaves out what came before it.
                Some((generation, begin)) if entry.seq == begin.next().0 => self.switch(generation, begin)?,
                _ => {
                    let (room, held) = (self.room.id.clone(), self.room.cursor.0);
                    return Err(Error::Gap { room, held, given: entry.seq });
                }
            }
        }
        let time = UnixMillis(entry.time_ms);
        let seq = Seq(entry.seq);
        match body {
            entry::Body::Expired(_) => {}
            entry::Body::GenerationStarted(started) => self.generation_started(started, seq)?,
            _ if Generation(entry.generation) < self.room.generation => {}
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
        if self.touched
            && let Some(group) = &mut self.group
        {
            self.room.users = users_of(group);
            self.room.devices = group.roster().len();
            group.save(&mut self.core.store.clone()).map_err(Error::mls("saving a room"))?;
        }
        self.core.store.save_room(&self.room)?;
        Ok((self.room, self.plans))
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
        match group.process(commit, time) {
            Ok(Event::Committed(done)) => self.committed(&done),
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
            Err(error) => self.broken(seq, &format!("a commit can't be applied ({})", why(&error))),
        }
    }

    fn committed(&mut self, done: &Committed) -> Result<(), Error> {
        self.touched = true;
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
            self.switch(generation, seq)?;
            return self.repeat_name();
        }
        match (self.room.next, &self.room.repair) {
            (Some((joined, _)), _) if joined == generation => self.switch(generation, seq),
            _ if self.room.membership == Membership::Gone => Ok(()),
            (_, repair) => {
                // Its Welcome did not open, or has not come yet. If none comes, the roster will tell whether this
                // device is meant to be in it.
                if repair.as_ref().is_none_or(|repair| repair.from != generation) {
                    let why = "it goes on in a new group, to which no invitation has come yet".to_owned();
                    self.room.repair = Some(Repair { from: generation, why });
                    self.plans.push(Task::Repair);
                }
                self.core.store.forget_group(&self.room.group())?;
                self.room.generation = generation;
                self.group = None;
                self.touched = false;
                Ok(())
            }
        }
    }

    fn switch(&mut self, generation: Generation, begin: Seq) -> Result<(), Error> {
        self.core.adopt(&mut self.room, generation, begin)?;
        self.group = None;
        self.touched = true;
        self.group()?;
        Ok(())
    }

    fn gone(&mut self, seq: Seq, text: String) -> Result<(), Error> {
        let asked_for = self.room.membership == Membership::Leaving;
        self.core.store.forget_group(&self.room.group())?;
        self.core.store.remove_own_commit(&self.room.id)?;
        for unsent in self.core.store.unsent()?.into_iter().filter(|unsent| unsent.room == self.room.id) {
            if unsent.control {
                self.core.store.remove_unsent(unsent.id)?;
            } else if unsent.state == UnsentState::Waiting {
                self.core.store.refuse_unsent(&unsent, ProblemCode::NotAMember, &text)?;
            }
        }
        self.group = None;
        self.touched = false;
        self.room.membership = Membership::Gone;
        self.room.repair = None;
        self.room.next = None;
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

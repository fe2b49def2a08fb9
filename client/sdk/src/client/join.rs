//! Welcomes: into a room never seen, or into the next generation of one that this device is in.

use wickr_base::{Generation, Incarnation, RoomId, Seq};
use wickr_e2ee::E2eeError;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Acknowledge, FetchTree, Inbox, InboxEntry, client_frame, reply};

use super::agenda::Task;
use super::core::Core;
use super::credentials::why;
use super::receive::users_of;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{CommitReason, Membership, Repair, Room};

impl Core {
    /// Takes Welcomes in, each in one transaction with its number, and acknowledges them.
    pub(super) async fn take_inbox(&self, link: &Link, inbox: &Inbox) -> Result<(), Error> {
        for entry in &inbox.entries {
            let place = self.store.place()?.ok_or(Error::Protocol("a Welcome before it was asked for"))?;
            if entry.number <= place.inbox {
                continue;
            }
            let id: RoomId =
                entry.room.parse().map_err(|_| Error::Protocol("a Welcome to a room without an id"))?;
            let tree = self.fetch_tree(link, entry).await?;
            let store_revision = self.store.write(|| {
                self.join(&id, entry, tree)?;
                let mut place = place;
                place.inbox = entry.number;
                self.store.save_place(&place)?;
                Ok::<_, Error>(self.store.raise_revision()?)
            })?;
            self.announce();
            let done = Acknowledge { cursors: Vec::new(), inbox: entry.number, store_revision };
            link.tell(client_frame::Body::Acknowledge(done)).await?;
        }
        Ok(())
    }

    /// The tree of the Welcome's epoch; inside, why the relay has none.
    async fn fetch_tree(&self, link: &Link, entry: &InboxEntry) -> Result<Result<Vec<u8>, String>, Error> {
        let ask = FetchTree { room: entry.room.clone(), generation: entry.generation, epoch: entry.epoch };
        match link.ask(client_frame::Body::FetchTree(ask)).await {
            Ok(reply::Outcome::Tree(tree)) => Ok(Ok(tree.tree.to_vec())),
            Ok(_) => Err(Error::Protocol("something else than the tree asked for")),
            Err(LinkError::Refused(refusal)) => match ProblemCode::parse(&refusal.code) {
                Some(ProblemCode::NotFound | ProblemCode::NotAMember | ProblemCode::StaleGeneration) => {
                    Ok(Err(refusal.detail))
                }
                _ => Err(LinkError::Refused(refusal).into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn join(
        &self,
        id: &RoomId,
        entry: &InboxEntry,
        tree: Result<Vec<u8>, String>,
    ) -> Result<(), Error> {
        let (generation, begin) = (Generation(entry.generation), Seq(entry.seq));
        let held = self.store.room(id)?;
        let joined = match tree {
            Ok(tree) => match self.engine().join(&entry.welcome, &tree, &self.store) {
                Ok(group) if *group.group() == id.group(generation) => Ok(group),
                Ok(group) => Err(format!("it leads to {}", group.group())),
                Err(error @ (E2eeError::Store { .. } | E2eeError::Damaged { .. })) => {
                    return Err(Error::mls("joining a room")(error));
                }
                Err(error) => Err(why(&error)),
            },
            Err(why) => Err(why),
        };
        match joined {
            Ok(mut group) => {
                let (users, devices) = (users_of(&group), group.roster().len());
                if held
                    .as_ref()
                    .is_none_or(|held| held.group() != *group.group() || held.membership == Membership::Gone)
                {
                    // Remains of a fresh group of this device that another one's has overtaken.
                    self.store.forget_group(group.group())?;
                }
                // A fresh group of this device for the same generation has lost.
                let own = self.store.own_commit(id)?;
                if own.is_some_and(|own| own.reason == CommitReason::Generation(generation)) {
                    self.store.remove_own_commit(id)?;
                }
                group.save(&mut self.store.clone()).map_err(Error::mls("saving a room just joined"))?;
                let mut room = Room::new(id.clone(), generation, self.incarnation()?, begin);
                room.users = users;
                room.devices = devices;
                room.joined_epoch = group.epoch();
                self.joined(room, held)
            }
            Err(why) => self.not_joined(id, generation, begin, held, &why),
        }
    }

    /// `fresh` is the room as the Welcome alone tells it, its cursor where the group begins.
    fn joined(&self, mut fresh: Room, held: Option<Room>) -> Result<(), Error> {
        let id = fresh.id.clone();
        fresh.owes_path = true;
        match held {
            // Still reading the old group's last entries: it goes on when the log gets there.
            Some(mut held)
                if held.membership != Membership::Gone
                    && held.generation < fresh.generation
                    && held.cursor < fresh.cursor =>
            {
                held.next = Some((fresh.generation, fresh.cursor));
                held.owes_path = true;
                self.store.save_room(&held)?;
            }
            Some(mut held) => {
                if held.membership == Membership::Gone {
                    held.membership = Membership::Member;
                }
                held.incarnation = fresh.incarnation;
                held.users = fresh.users;
                held.devices = fresh.devices;
                held.owes_path = true;
                self.adopt(&mut held, fresh.generation, fresh.cursor)?;
                held.cursor = fresh.cursor;
                held.joined_epoch = fresh.joined_epoch;
                self.store.save_room(&held)?;
            }
            None => self.store.save_room(&fresh)?,
        }
        self.plan(&id, Task::Path);
        self.strangers.notify_one();
        Ok(())
    }

    fn incarnation(&self) -> Result<Incarnation, Error> {
        Ok(self.store.place()?.ok_or(Error::NotSignedIn)?.incarnation)
    }

    fn not_joined(
        &self,
        id: &RoomId,
        generation: Generation,
        begin: Seq,
        held: Option<Room>,
        why: &str,
    ) -> Result<(), Error> {
        let is_in = |held: &Room| held.membership != Membership::Gone && held.generation >= generation;
        if held.as_ref().is_some_and(is_in) {
            // A Welcome that was taken before, delivered once more.
            return Ok(());
        }
        let incarnation = self.incarnation()?;
        let was_member = held.as_ref().is_some_and(|held| held.membership != Membership::Gone);
        let mut room = held.unwrap_or_else(|| Room::new(id.clone(), generation, incarnation, begin));
        if !was_member {
            room.membership = Membership::Member;
            room.generation = generation;
            room.cursor = begin;
        }
        let why = format!("its invitation does not open ({why})");
        self.notice(Some(id), Some(begin.0), format!("the room needs a fresh group: {why}"))?;
        room.repair = Some(Repair { from: generation, why });
        self.store.save_room(&room)?;
        self.plan(id, Task::Repair);
        Ok(())
    }
}

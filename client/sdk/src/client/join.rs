//! Welcomes: into a room never seen, or into the next generation of one that this device is in.

use wickr_base::{Generation, Incarnation, RoomId, Seq};
use wickr_e2ee::{E2eeError, Joined};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Acknowledge, FetchTree, Inbox, InboxEntry, client_frame, reply};

use super::agenda::Task;
use super::core::Core;
use super::credentials::why;
use super::succession::Successor;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{Ahead, CommitReason, Membership, Repair, Room};

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
            Ok(tree) => match self.engine().accept(&entry.welcome, &tree, &self.store) {
                Ok(joined) if *joined.room.group() == id.group(generation) => Ok(joined),
                Ok(joined) => Err(format!("it leads to {}", joined.room.group())),
                Err(error @ (E2eeError::Store { .. } | E2eeError::Damaged { .. })) => {
                    return Err(Error::mls("joining a room")(error));
                }
                Err(error) => Err(why(&error)),
            },
            Err(why) => Err(why),
        };
        match joined {
            Ok(Joined { room: group, by }) => {
                let next = Successor::of(&group, begin, by);
                match held {
                    Some(held) => self.joined_again(group, next, held),
                    None => self.joined(
                        group,
                        next,
                        Room::new(id.clone(), generation, self.incarnation()?, begin),
                    ),
                }
            }
            Err(why) => self.not_joined(id, generation, begin, held, &why),
        }
    }

    /// Into a room never seen: whoever is in it is welcome.
    fn joined(&self, group: wickr_e2ee::Room, next: Successor, mut room: Room) -> Result<(), Error> {
        self.keep_group(group, &room)?;
        room.owes_path = true;
        self.succeed(&mut room, next)?;
        self.settle_in(&room)
    }

    fn joined_again(&self, group: wickr_e2ee::Room, next: Successor, mut held: Room) -> Result<(), Error> {
        let is_in = held.membership != Membership::Gone;
        // Delivered once more; after a restore of the relay generations may begin lower.
        let is_old = held.generation > next.generation && !held.resend
            || held.generation == next.generation && next.begin < held.cursor;
        if is_in && is_old {
            return Ok(());
        }
        // Still reading the old group's last entries: it is judged when the log gets there.
        if is_in && held.generation < next.generation && held.cursor < next.begin {
            self.keep_group(group, &held)?;
            held.ahead.retain(|ahead| ahead.generation != next.generation);
            held.ahead.push(Ahead { generation: next.generation, begin: next.begin, by: next.by });
            held.ahead.sort_by_key(|ahead| ahead.begin);
            held.owes_path = true;
            return self.settle_in(&held);
        }
        if next.is_welcome_to(&held) {
            self.keep_group(group, &held)?;
        }
        let begin = next.begin;
        if self.succeed(&mut held, next)? {
            held.incarnation = self.incarnation()?;
            held.cursor = begin;
            held.owes_path = true;
        }
        self.settle_in(&held)
    }

    /// Keeps a group just joined; the caller has judged that it may take the place of what lies under its id.
    fn keep_group(&self, mut group: wickr_e2ee::Room, room: &Room) -> Result<(), Error> {
        if room.group() != *group.group() || room.membership == Membership::Gone {
            // Remains of a fresh group of this device that another one's has overtaken.
            self.store.forget_group(group.group())?;
        }
        // A fresh group of this device for the same generation has lost.
        let own = self.store.own_commit(&room.id)?;
        if own.is_some_and(|own| own.reason == CommitReason::Generation(group.group().generation)) {
            self.store.remove_own_commit(&room.id)?;
        }
        group.save(&mut self.store.clone()).map_err(Error::mls("saving a room just joined"))
    }

    fn settle_in(&self, room: &Room) -> Result<(), Error> {
        self.store.save_room(room)?;
        if room.owes_path && room.is_member() {
            self.plan(&room.id, Task::Path);
        }
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
        let held = match held {
            // A Welcome that was taken before, delivered once more.
            Some(held) if held.membership != Membership::Gone && held.generation >= generation => {
                return Ok(());
            }
            Some(held) if held.membership != Membership::Gone => Some(held),
            _ => None,
        };
        let why = format!("its invitation does not open ({why})");
        let Some(mut room) = held else {
            // A room that this device never was in, or is in no more, is nothing to be mended from here.
            return self.cannot_get_in(id, generation, begin, &why);
        };
        self.notice(Some(id), Some(begin.0), format!("the room needs a fresh group: {why}"))?;
        room.repair = Some(Repair { from: generation, why });
        self.store.save_room(&room)?;
        self.plan(id, Task::Repair);
        Ok(())
    }

    /// The relay has this device in a room to which it has no keys. Told once; kept as a room that it is not in.
    pub(super) fn cannot_get_in(
        &self,
        id: &RoomId,
        generation: Generation,
        begin: Seq,
        why: &str,
    ) -> Result<(), Error> {
        let text = format!(
            "this device can't get into the room: {why}; have somebody in it take this device out and ask it in again"
        );
        self.notice(Some(id), Some(begin.0), text)?;
        if self.store.room(id)?.is_none() {
            let mut room = Room::new(id.clone(), generation, self.incarnation()?, begin);
            room.membership = Membership::Gone;
            self.store.save_room(&room)?;
        }
        Ok(())
    }
}

//! A fresh group for a room whose group is of no use any more: after a restore of the relay, or when a commit does not apply.

use wickr_base::{Generation, MemberUri, MessageId, RoomId, Seq, UserId};
use wickr_e2ee::{Invited, RoomRules};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{CreateRoom, FetchRoster, NextGeneration, Roster, client_frame, reply};

use super::agenda::Task;
use super::commit::{Guest, Wanted};
use super::core::Core;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{CommitReason, Membership, OwnCommit, Room, Unsent};

/// Who is in the fresh group, and who is asked in afterwards.
#[derive(Debug, PartialEq, Eq)]
struct Guests {
    now: Vec<UserId>,
    after: Vec<UserId>,
}

/// Only people of whom this device itself knows that they are in the room, and of those the ones whom the relay has too
/// (it takes no others). Where this device has seen later epochs than the relay, which forgot them, it also knows who has
/// come since.
fn choose(relay: &[UserId], own: &[UserId], own_is_later: bool) -> Guests {
    let both = relay.iter().filter(|user| own.contains(user)).copied().collect();
    let since = own.iter().filter(|user| own_is_later && !relay.contains(user)).copied().collect();
    Guests { now: both, after: since }
}

impl Core {
    /// From here on the room goes by that generation. In the caller's transaction; the group must be in the store.
    pub(super) fn adopt(&self, room: &mut Room, generation: Generation, begin: Seq) -> Result<(), Error> {
        if room.generation != generation {
            self.store.forget_group(&room.group())?;
            room.generation = generation;
            room.joined_epoch = self.open(room)?.map_or(0, |group| group.epoch());
        }
        self.store.remove_own_commit(&room.id)?;
        room.cursor = room.cursor.max(begin);
        room.ahead.retain(|ahead| ahead.generation > generation);
        room.repair = None;
        if room.resend {
            room.resend = false;
            self.send_again(room)?;
        }
        self.agenda.lock().settle(&room.id, Task::Repair);
        self.work.notify_one();
        Ok(())
    }

    /// Own messages go out once more under their ids; the relay knows which of them it has.
    fn send_again(&self, room: &Room) -> Result<(), Error> {
        let since = self.relay_now().minus(self.environment.timings.resend);
        let mut kept_back = 0;
        for (id, expires, own) in self.store.own_messages_since(&room.id, since)? {
            // Nobody reads what was said before they came.
            if room.were_there(&room.users, own.audience) {
                let unsent = Unsent::new(room.id.clone(), id, expires, own.content, false);
                self.store.add_unsent(&unsent.again(own.audience))?;
            } else {
                kept_back += 1;
            }
        }
        if kept_back > 0 {
            let text = format!(
                "{kept_back} messages of yours were not offered to the restored relay again: people are in the room who \
                 came after them"
            );
            self.notice(Some(&room.id), None, text)?;
        }
        Ok(())
    }

    /// Makes the fresh group unless somebody else was faster.
    pub(super) async fn repair(&self, link: &Link, id: &RoomId) -> Result<(), Error> {
        let _one_at_a_time = self.commits.lock().await;
        let room = self.room(id)?;
        let Some(repair) = &room.repair else { return Ok(()) };
        let ask = FetchRoster { room: id.to_string() };
        let roster = match link.ask(client_frame::Body::FetchRoster(ask)).await {
            Ok(reply::Outcome::Roster(roster)) => roster,
            Ok(_) => return Err(Error::Protocol("something else than the roster asked for")),
            Err(LinkError::Refused(refusal)) => {
                return match ProblemCode::parse(&refusal.code) {
                    Some(ProblemCode::NotFound) => self.create_again(link, &room).await,
                    Some(ProblemCode::NotAMember | ProblemCode::Forbidden) => {
                        self.drop_room(room, "the relay, restored, does not have this device in the room")
                    }
                    _ => Err(LinkError::Refused(refusal).into()),
                };
            }
            Err(error) => return Err(error.into()),
        };
        if Generation(roster.generation) > repair.from {
            // Made by somebody else: its Welcome is on the way.
            return Ok(());
        }
        if room.users.is_empty() {
            let why = "this device has never been in it";
            return self.drop_room(room, why);
        }
        self.next_generation(link, &room, &roster).await
    }

    async fn next_generation(&self, link: &Link, room: &Room, roster: &Roster) -> Result<(), Error> {
        let on_relay = users(&roster.members);
        let opened = self.open(room)?;
        let own_is_later = opened
            .as_ref()
            .is_some_and(|group| room.generation.0 == roster.generation && group.epoch() > roster.epoch);
        let rules =
            opened.map_or_else(|| RoomRules::group(room.id.hub().clone()), |group| group.rules().clone());
        let guests = choose(&on_relay, &room.users, own_is_later);
        let invited = self.claim(link, &guests.now).await?.guests;
        let generation = Generation(roster.generation).next();
        let own = self.store.write(|| {
            // Another's Welcome to it has been taken in since: what lies under its id is theirs.
            let now = self.room(&room.id)?;
            let taken = now.ahead.iter().any(|ahead| ahead.generation == generation);
            if taken || now.repair != room.repair {
                return Ok(None);
            }
            let group = room.id.group(generation);
            // Of an earlier try.
            self.store.forget_group(&group)?;
            let invited: Vec<_> = invited
                .iter()
                .map(|guest| Invited { device: guest.uri.clone(), key_package: &guest.key_package })
                .collect();
            let mut made = self
                .engine()
                .next_generation(&group, &rules, &invited, self.relay_now())
                .map_err(Error::mls("making a fresh group"))?;
            made.room.save(&mut self.store.clone()).map_err(Error::mls("saving a fresh group"))?;
            let own = OwnCommit {
                id: MessageId::random(&*self.environment.rng),
                room: room.id.clone(),
                generation: Generation(roster.generation),
                epoch: made.room.epoch(),
                commit: made.tree,
                welcome: made.welcome,
                group_info: made.group_info,
                reason: CommitReason::Generation(generation),
            };
            self.store.save_own_commit(&own)?;
            Ok::<_, Error>(Some(own))
        })?;
        let Some(own) = own else { return Ok(()) };
        let frame = NextGeneration {
            id: own.id.0.to_vec().into(),
            room: own.room.to_string(),
            from: own.generation.0,
            group_info: own.group_info.clone().into(),
            tree: own.commit.clone().into(),
            welcomes: own.welcome.iter().cloned().map(Into::into).collect(),
        };
        match link.ask(client_frame::Body::NextGeneration(frame)).await {
            Ok(reply::Outcome::Sequenced(placed)) => {
                self.until_taken_in(&own.room, Seq(placed.seq)).await?;
                self.ask_in_again(link, &room.id, &guests.after).await
            }
            Ok(_) => Err(Error::Protocol("something else than the place of a generation")),
            Err(LinkError::Refused(refusal)) => {
                self.store.write(|| {
                    // Unless another's Welcome to the same generation has been taken in meanwhile.
                    if self.store.own_commit(&own.room)?.is_some_and(|held| held.id == own.id) {
                        self.store.remove_own_commit(&own.room)?;
                        self.store.forget_group(&own.room.group(generation))?;
                    }
                    Ok::<_, Error>(())
                })?;
                match ProblemCode::parse(&refusal.code) {
                    // Somebody was faster.
                    Some(ProblemCode::StaleGeneration) => Ok(()),
                    _ => Err(LinkError::Refused(refusal).into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The relay was restored to a time before the room: it is made once more under its id, and everybody asked in.
    async fn create_again(&self, link: &Link, room: &Room) -> Result<(), Error> {
        let others: Vec<_> =
            room.users.iter().filter(|user| **user != self.account().user).copied().collect();
        let group_id = room.id.group(Generation(0));
        let frame = self.store.write(|| {
            self.store.forget_group(&room.group())?;
            let rules = RoomRules::group(room.id.hub().clone());
            let mut group = self
                .engine()
                .create(&group_id, &rules, self.relay_now())
                .map_err(Error::mls("making a room once more"))?;
            group.save(&mut self.store.clone()).map_err(Error::mls("saving a room"))?;
            let mut room = room.clone();
            room.generation = Generation(0);
            room.cursor = Seq(0);
            self.store.save_room(&room)?;
            Ok::<_, Error>(CreateRoom {
                room: room.id.to_string(),
                group_info: group.group_info().map_err(Error::mls("signing a GroupInfo"))?.into(),
                tree: group.tree().map_err(Error::mls("exporting a tree"))?.into(),
            })
        })?;
        match link.ask(client_frame::Body::CreateRoom(frame)).await {
            Ok(reply::Outcome::Sequenced(placed)) => {
                self.store.write(|| {
                    let mut room = self.room(&room.id)?;
                    // Until here another member's, with everybody in it, could have been first.
                    room.go_on_with(vec![self.account().user]);
                    self.adopt(&mut room, Generation(0), Seq(placed.seq))?;
                    self.store.save_room(&room)?;
                    if let Some(name) = &room.name {
                        self.queue_name(&room.id, name)?;
                    }
                    Ok::<_, Error>(())
                })?;
                self.announce();
                self.ask_in_again(link, &room.id, &others).await
            }
            Ok(_) => Err(Error::Protocol("something else than the place of a room")),
            // Another member was faster and asks this device in.
            Err(LinkError::Refused(refusal))
                if ProblemCode::parse(&refusal.code) == Some(ProblemCode::AlreadyExists) =>
            {
                Ok(self.store.forget_group(&group_id)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// People whom the restored relay has forgotten to be members; commits of their own, because they were not on its roster.
    async fn ask_in_again(&self, link: &Link, id: &RoomId, users: &[UserId]) -> Result<(), Error> {
        if users.is_empty() {
            return Ok(());
        }
        let guests = self.claim(link, users).await?.guests;
        self.later(id.clone(), Wanted::Add(guests));
        Ok(())
    }

    fn drop_room(&self, mut room: Room, why: &str) -> Result<(), Error> {
        self.store.write(|| {
            // Another member may ask it in again: what waits, waits for that.
            self.store.forget_group(&room.group())?;
            self.forget_ahead(&mut room)?;
            room.membership = Membership::Gone;
            room.dropped = true;
            room.repair = None;
            self.store.save_room(&room)?;
            self.notice(Some(&room.id), None, why.to_owned())
        })
    }
}

fn users(members: &[String]) -> Vec<UserId> {
    let mut users: Vec<_> =
        members.iter().filter_map(|member| Some(member.parse::<MemberUri>().ok()?.device()?.0)).collect();
    users.sort();
    users.dedup();
    users
}

/// A guest list may hold the same package twice only by a mistake of the relay; the group would be refused.
pub(super) fn once_each(mut guests: Vec<Guest>) -> Vec<Guest> {
    guests.sort_by(|a, b| a.uri.cmp(&b.uri));
    guests.dedup_by(|a, b| a.uri == b.uri);
    guests
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    #[test]
    fn whoever_left_after_the_backup_stays_out_and_whoever_came_is_asked_in_again() {
        let rng = SeededRng::new(1);
        let [alice, bob, carol]: [UserId; 3] = std::array::from_fn(|_| UserId::random(&rng));
        // The relay still has bob, who has left; it has forgotten carol.
        let guests = choose(&[alice, bob], &[alice, carol], true);
        assert_eq!(guests, Guests { now: vec![alice], after: vec![carol] });
        // A device that was away longer than the backup is old: the relay may know more, or lie.
        let guests = choose(&[alice, bob], &[alice, carol], false);
        assert_eq!(guests, Guests { now: vec![alice], after: vec![] }, "nobody on the relay's word alone");
    }
}

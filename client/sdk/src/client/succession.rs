//! Whether a group may go on for a room. Anybody with our key packages can make one, and a relay can say that it is the
//! room's; so it is judged by the people whom this device itself last saw in the room (`Room::users`), by nobody's word.

use wickr_base::{Generation, GroupId, MemberUri, RoomId, Seq, UserId};
use wickr_wire::ProblemCode;

use super::agenda::Task;
use super::core::Core;
use super::receive::users_of;
use crate::Error;
use crate::store::{Ahead, Membership, Repair, Room, UnsentState};

/// A group that a Welcome led to, or that this device has made.
pub(super) struct Successor {
    pub(super) generation: Generation,
    /// Where its log begins.
    pub(super) begin: Seq,
    /// Who made it, or brought this device into it.
    pub(super) by: MemberUri,
    users: Vec<UserId>,
    devices: Vec<MemberUri>,
    epoch: u64,
}

/// What to make of it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The people of the room, or some of them.
    Take,
    /// This device is not in the room (any more), and is asked in by whoever is there now.
    AskedIn { strangers: Vec<UserId> },
    /// It has people in it who were not in the room.
    Refuse { strangers: Vec<UserId> },
}

fn judge(room: &Room, users: &[UserId]) -> Verdict {
    let strangers = room.strangers(users);
    let is_in = room.membership != Membership::Gone;
    if room.users.is_empty() {
        Verdict::AskedIn { strangers: Vec::new() }
    } else if strangers.is_empty() && (is_in || room.dropped) {
        Verdict::Take
    } else if is_in || room.dropped {
        Verdict::Refuse { strangers }
    } else {
        Verdict::AskedIn { strangers }
    }
}

impl Successor {
    pub(super) fn of(group: &wickr_e2ee::Room, begin: Seq, by: MemberUri) -> Self {
        Self {
            generation: group.group().generation,
            begin,
            by,
            users: users_of(group),
            devices: group.roster().map(|member| member.uri.clone()).collect(),
            epoch: group.epoch(),
        }
    }

    pub(super) fn is_welcome_to(&self, room: &Room) -> bool {
        !matches!(judge(room, &self.users), Verdict::Refuse { .. })
    }
}

impl Core {
    /// Goes on with that group, which is in the store, if it may be; else says why not, and has this device make one
    /// itself. In the caller's transaction, with a room whose roster is up to date; the caller saves the room.
    pub(super) fn succeed(&self, room: &mut Room, next: Successor) -> Result<bool, Error> {
        match judge(room, &next.users) {
            Verdict::Take => {
                self.tell_changes(room, &next)?;
                room.go_on_with(next.users);
            }
            Verdict::AskedIn { strangers } => {
                if !strangers.is_empty() {
                    let text = format!(
                        "{} has brought this device back into the room; new in it since: {}",
                        self.name_of(&next.by)?,
                        self.names(&strangers)?
                    );
                    self.notice(Some(&room.id), Some(next.begin.0), text.clone())?;
                    // Written for the people of before.
                    self.refuse_waiting(&room.id, &text)?;
                }
                room.resend = false;
                room.begin_with(next.users);
            }
            Verdict::Refuse { strangers } => {
                self.refuse_group(room, &next, &strangers)?;
                return Ok(false);
            }
        }
        room.devices = next.devices.len();
        if room.membership == Membership::Gone {
            room.membership = Membership::Member;
        }
        room.dropped = false;
        self.adopt(room, next.generation, next.begin)?;
        room.joined_epoch = next.epoch;
        Ok(true)
    }

    /// The group of that generation as it lies in the store.
    pub(super) fn successor(
        &self,
        room: &RoomId,
        generation: Generation,
        begin: Seq,
        by: MemberUri,
    ) -> Result<Option<Successor>, Error> {
        let group = self.engine().open(&room.group(generation), &self.store);
        let group = group.map_err(Error::mls("opening a room"))?;
        Ok(group.map(|group| Successor::of(&group, begin, by)))
    }

    fn refuse_group(&self, room: &mut Room, next: &Successor, strangers: &[UserId]) -> Result<(), Error> {
        let (by, names) = (self.name_of(&next.by)?, self.names(strangers)?);
        if next.generation != room.generation {
            self.store.forget_group(&room.id.group(next.generation))?;
        }
        let what = format!(
            "a new group for the room, made by {by}, was not taken: {names} {} not in the room when this device last \
             read it",
            if strangers.len() == 1 { "was" } else { "were" }
        );
        if room.membership == Membership::Gone {
            let text = format!("{what}; to be asked in there all the same, leave the room first");
            return self.notice(Some(&room.id), Some(next.begin.0), text);
        }
        let text = format!("{what}; the old group is kept, and one without them is being made");
        self.notice(Some(&room.id), Some(next.begin.0), text)?;
        room.repair = Some(Repair { from: next.generation.max(room.generation), why: what });
        self.plan(&room.id, Task::Repair);
        Ok(())
    }

    /// Who is left out of the new group, and who is in it with a device that was not there.
    fn tell_changes(&self, room: &Room, next: &Successor) -> Result<(), Error> {
        let left_out: Vec<_> = room.users.iter().filter(|user| !next.users.contains(user)).copied().collect();
        if !left_out.is_empty() {
            let text = format!(
                "the room goes on in a new group, made by {}, without {}; whoever belongs in it can be asked in again",
                self.name_of(&next.by)?,
                self.names(&left_out)?
            );
            self.notice(Some(&room.id), Some(next.begin.0), text)?;
        }
        let Some(old) = self.open(room)? else { return Ok(()) };
        for device in next.devices.iter().filter(|device| !old.contains(device)) {
            self.tell_device(&room.id, device, &next.by, next.begin)?;
        }
        Ok(())
    }

    /// A person who is in the room has one device more in it.
    pub(super) fn tell_device(
        &self,
        room: &RoomId,
        added: &MemberUri,
        by: &MemberUri,
        seq: Seq,
    ) -> Result<(), Error> {
        let Some((user, device)) = added.device() else { return Ok(()) };
        let own = self.account();
        if user != own.user {
            let text = format!(
                "{} has another device in the room, {device}, brought in by {}; if they don't know of it, have them \
                 revoke it",
                self.name(user)?,
                self.name_of(by)?
            );
            return self.notice(Some(room), Some(seq.0), text);
        }
        if device == own.device {
            return Ok(());
        }
        let text = format!(
            "another device of yours is in the room, {device}, brought in by {by}; if this wasn't you: wickr devices \
             revoke {device}"
        );
        self.notice(Some(room), Some(seq.0), text)
    }

    /// This device is out of the room: nothing of its groups stays, and what waits to be sent is refused.
    pub(super) fn end_room(&self, room: &mut Room, why: &str) -> Result<(), Error> {
        self.store.forget_group(&room.group())?;
        self.forget_ahead(room)?;
        self.store.remove_own_commit(&room.id)?;
        self.refuse_waiting(&room.id, why)?;
        room.membership = Membership::Gone;
        room.repair = None;
        Ok(())
    }

    pub(super) fn forget_ahead(&self, room: &mut Room) -> Result<(), Error> {
        for Ahead { generation, .. } in room.ahead.drain(..) {
            let group: GroupId = room.id.group(generation);
            self.store.forget_group(&group)?;
        }
        Ok(())
    }

    fn refuse_waiting(&self, room: &RoomId, why: &str) -> Result<(), Error> {
        for unsent in self.store.unsent()?.into_iter().filter(|unsent| unsent.room == *room) {
            if unsent.control || unsent.again {
                self.store.remove_unsent(unsent.id)?;
            } else if unsent.state == UnsentState::Waiting {
                self.store.refuse_unsent(&unsent, ProblemCode::NotAMember, why)?;
            }
        }
        Ok(())
    }

    pub(super) fn name_of(&self, member: &MemberUri) -> Result<String, Error> {
        Ok(match member.device() {
            Some((user, device)) => format!("{} (device {device})", self.name(user)?),
            None => member.to_string(),
        })
    }

    fn name(&self, user: UserId) -> Result<String, Error> {
        Ok(self.handle(user)?.map_or_else(|| format!("user {user}"), |handle| handle.to_string()))
    }

    fn names(&self, users: &[UserId]) -> Result<String, Error> {
        Ok(users.iter().map(|user| self.name(*user)).collect::<Result<Vec<_>, _>>()?.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{Incarnation, SeededRng};

    #[test]
    fn only_people_of_the_room_go_on_with_it_and_only_who_is_out_is_asked_in_by_others() {
        let rng = SeededRng::new(1);
        let [alice, bob, mallory]: [UserId; 3] = std::array::from_fn(|_| UserId::random(&rng));
        let id = RoomId::random("hq.example".parse().unwrap(), &rng);
        let mut room = Room::new(id, Generation(0), Incarnation::random(&rng), Seq(3));
        let strangers = vec![mallory];
        assert_eq!(judge(&room, &[alice, mallory]), Verdict::AskedIn { strangers: vec![] });
        room.users = vec![alice, bob];
        assert_eq!(judge(&room, &[alice]), Verdict::Take);
        assert_eq!(judge(&room, &[alice, bob, mallory]), Verdict::Refuse { strangers: strangers.clone() });
        // A commit took this device out.
        room.membership = Membership::Gone;
        assert_eq!(judge(&room, &[alice, mallory]), Verdict::AskedIn { strangers: strangers.clone() });
        // The relay alone says that it is out.
        room.dropped = true;
        assert_eq!(judge(&room, &[alice, bob]), Verdict::Take);
        assert_eq!(judge(&room, &[alice, mallory]), Verdict::Refuse { strangers });
    }
}

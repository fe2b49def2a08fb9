//! What a person does with rooms: make one, ask somebody in, leave.

use tokio::time::sleep;
use wickr_base::{DeviceId, Generation, Handle, MemberUri, MessageId, RoomId, Seq, UserId};
use wickr_e2ee::RoomRules;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{ClaimKeyPackages, CreateRoom, SubmitProposal, client_frame, reply};

use super::commit::{Guest, Wanted};
use super::core::Core;
use super::repair::once_each;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{Membership, Room};

/// What an invitation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub handle: Handle,
    /// Devices that were added.
    pub added: Vec<DeviceId>,
    /// Devices that have no key package to give: they were not.
    pub without: Vec<String>,
}

/// Key packages as the relay gave them, checked to be of the people asked for.
pub(super) struct Claimed {
    pub(super) guests: Vec<Guest>,
    pub(super) without: Vec<String>,
}

impl Core {
    pub(super) async fn create_room(&self, name: &str) -> Result<RoomId, Error> {
        let id = self.begin_room(name).await?;
        self.finish_room(&id).await?;
        Ok(id)
    }

    /// Waits for a connection, then makes the room here, durably: from then on the relay is told of it, now or later.
    pub(super) async fn begin_room(&self, name: &str) -> Result<RoomId, Error> {
        self.online().await?;
        let id = RoomId::random(self.account().domain, &*self.environment.rng);
        let place = self.store.place()?.ok_or(Error::NotSignedIn)?;
        self.store.write(|| {
            let rules = RoomRules::group(id.hub().clone());
            let mut group = self
                .engine()
                .create(&id.group(Generation(0)), &rules, self.relay_now())
                .map_err(Error::mls("making a group"))?;
            group.save(&mut self.store.clone()).map_err(Error::mls("saving a room"))?;
            let mut room = Room::new(id.clone(), Generation(0), place.incarnation, Seq(0));
            room.membership = Membership::Creating;
            room.name = Some(name.to_owned());
            room.users = vec![self.account().user];
            room.devices = 1;
            self.store.save_room(&room)?;
            self.queue_name(&id, name)
        })?;
        Ok(id)
    }

    /// Waits until the relay has taken the room; an error when it never will.
    pub(super) async fn finish_room(&self, id: &RoomId) -> Result<(), Error> {
        loop {
            let link = self.online().await?;
            match self.room(id)?.membership {
                Membership::Creating => {}
                // The relay was told of it when the connection came back, and has refused.
                Membership::Gone => return Err(Error::NotAMember(id.clone())),
                Membership::Member | Membership::Leaving => return Ok(()),
            }
            match self.announce_room(&link, id).await {
                // The same question again, to whichever connection comes next.
                Ok(()) | Err(Error::Relay(LinkError::Lost | LinkError::Silent(_))) => {}
                Err(Error::Relay(LinkError::Refused(refusal))) if may_pass(&refusal.code) => {
                    sleep(self.environment.timings.reconnect_first).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the relay of a room that this device has made; the same question again gets the same answer.
    pub(super) async fn announce_room(&self, link: &Link, id: &RoomId) -> Result<(), Error> {
        let room = self.room(id)?;
        let group = self.open(&room)?.ok_or_else(|| Error::NotAMember(id.clone()))?;
        let frame = CreateRoom {
            room: id.to_string(),
            group_info: group.group_info().map_err(Error::mls("signing a GroupInfo"))?.into(),
            tree: group.tree().map_err(Error::mls("exporting a tree"))?.into(),
        };
        match link.ask(client_frame::Body::CreateRoom(frame)).await {
            // The answer is the log's first entry.
            Ok(reply::Outcome::Sequenced(placed)) => self.store.write(|| {
                let mut room = self.room(id)?;
                room.cursor = room.cursor.max(Seq(placed.seq));
                if room.membership == Membership::Creating {
                    room.membership = Membership::Member;
                }
                self.store.save_room(&room)?;
                self.announce();
                Ok(())
            }),
            Ok(_) => Err(Error::Protocol("something else than the place of a room")),
            Err(LinkError::Refused(refusal)) if may_pass(&refusal.code) => {
                Err(LinkError::Refused(refusal).into())
            }
            Err(LinkError::Refused(refusal)) => {
                self.store.write(|| {
                    let mut room = self.room(id)?;
                    self.store.forget_group(&room.group())?;
                    room.membership = Membership::Gone;
                    self.store.save_room(&room)?;
                    for unsent in self.store.unsent()?.into_iter().filter(|unsent| unsent.room == *id) {
                        self.store.remove_unsent(unsent.id)?;
                    }
                    Ok::<_, Error>(())
                })?;
                Err(LinkError::Refused(refusal).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn invite(&self, id: &RoomId, handle: &Handle) -> Result<Invitation, Error> {
        self.room(id)?;
        let link = self.online().await?;
        let token = self.token().await?;
        let person = self.sso().lookup(handle, &token).await?;
        self.store.save_handle(person.user, &person.handle)?;
        let claimed = self.claim(&link, &[person.user]).await?;
        if claimed.guests.is_empty() {
            return Err(Error::NoKeyPackages { handle: person.handle });
        }
        let room = self.room(id)?;
        let group = self.open(&room)?.ok_or_else(|| Error::NotAMember(id.clone()))?;
        let guests: Vec<_> = claimed.guests.into_iter().filter(|guest| !group.contains(&guest.uri)).collect();
        let added = guests.iter().filter_map(|guest| Some(guest.uri.device()?.1)).collect();
        if !self.commit(id, &Wanted::Add(guests)).await? {
            return Err(Error::AlreadyMembers { handle: person.handle, room: id.clone() });
        }
        Ok(Invitation { user: person.user, handle: person.handle, added, without: claimed.without })
    }

    /// One key package of each device of those users, but for this device.
    pub(super) async fn claim(&self, link: &Link, users: &[UserId]) -> Result<Claimed, Error> {
        let own = self.account();
        let mut out = Claimed { guests: Vec::new(), without: Vec::new() };
        // As many users as the relay takes in one question.
        for some in users.chunks(100) {
            let ask = ClaimKeyPackages { users: some.iter().map(ToString::to_string).collect() };
            let packages = match link.ask(client_frame::Body::ClaimKeyPackages(ask)).await {
                Ok(reply::Outcome::KeyPackages(packages)) => packages,
                Ok(_) => return Err(Error::Protocol("something else than key packages")),
                Err(error) if error.code() == Some(ProblemCode::NoKeyPackages) => continue,
                Err(error) => return Err(error.into()),
            };
            out.without.extend(packages.without);
            for package in packages.packages {
                let user: UserId =
                    package.user.parse().map_err(|_| Error::Protocol("a key package of nobody"))?;
                let device: DeviceId =
                    package.device.parse().map_err(|_| Error::Protocol("a key package of no device"))?;
                if !some.contains(&user) {
                    return Err(Error::ForeignPackage(user));
                }
                if device == own.device {
                    continue;
                }
                let uri = MemberUri::Device { domain: own.domain.clone(), user, device };
                out.guests.push(Guest { uri, key_package: package.package.to_vec() });
            }
        }
        out.guests = once_each(out.guests);
        out.without.retain(|device| *device != own.device.to_string());
        Ok(out)
    }

    /// Takes this person's other devices out, and asks for the own leaf to be removed, which another member commits.
    pub(super) async fn leave(&self, id: &RoomId) -> Result<(), Error> {
        let mut room = self.room(id)?;
        if room.membership == Membership::Gone && room.dropped {
            // Out by the relay's word, and now by the person's: whoever is there may ask this device in.
            room.dropped = false;
            self.store.save_room(&room)?;
            self.announce();
            return Ok(());
        }
        if room.membership == Membership::Gone {
            return Err(Error::NotAMember(id.clone()));
        }
        let own = self.account();
        self.online().await?;
        let group = self.open(&room)?.ok_or_else(|| Error::NotAMember(id.clone()))?;
        let others: Vec<_> = group
            .roster()
            .map(|member| &member.uri)
            .filter(|uri| uri.device().is_some_and(|(user, device)| user == own.user && device != own.device))
            .cloned()
            .collect();
        drop(group);
        if !others.is_empty() {
            self.commit(id, &Wanted::Remove(others)).await?;
        }
        let proposal_id = MessageId::random(&*self.environment.rng);
        loop {
            let link = self.online().await?;
            let room = self.room(id)?;
            let Some(group) = self.open(&room)? else { return Ok(()) };
            let proposal = SubmitProposal {
                id: proposal_id.0.to_vec().into(),
                room: id.to_string(),
                generation: room.generation.0,
                epoch: group.epoch(),
                proposal: group.propose_leave().map_err(Error::mls("proposing to leave"))?.into(),
            };
            let epoch = group.epoch();
            drop(group);
            match link.ask(client_frame::Body::SubmitProposal(proposal)).await {
                Ok(_) => {
                    return self.store.write(|| {
                        let mut room = self.room(id)?;
                        if room.membership == Membership::Member {
                            room.membership = Membership::Leaving;
                            self.store.save_room(&room)?;
                        }
                        self.announce();
                        Ok(())
                    });
                }
                Err(LinkError::Refused(refusal))
                    if ProblemCode::parse(&refusal.code) == Some(ProblemCode::StaleEpoch) =>
                {
                    self.until_epoch(id, refusal.epoch.max(epoch + 1)).await?;
                }
                Err(LinkError::Lost | LinkError::Silent(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Refusals that say nothing about what was asked.
fn may_pass(code: &str) -> bool {
    use ProblemCode::{Busy, Draining, Internal, StorageFull, TooMany};
    ProblemCode::parse(code)
        .is_none_or(|code| matches!(code, Busy | Draining | Internal | StorageFull | TooMany))
}

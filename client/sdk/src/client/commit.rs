//! Changing a group: a commit is made, kept, submitted, and counts when it comes back in the log; a lost race is run again.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use wickr_base::{MemberUri, MessageId, RoomId, Seq};
use wickr_e2ee::{CommitOut, E2eeError, Identity, Invited};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Refusal, SubmitCommit, client_frame, reply};

use super::core::Core;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{CommitReason, Membership, OwnCommit, Room};

/// How often a change is tried again when others were faster.
const TRIES: u32 = 10;

/// A change to a group, independent of the epoch it is made in.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// Bring devices in, by their key packages.
    Add(Vec<Guest>),
    /// Take devices out.
    Remove(Vec<MemberUri>),
    /// Take in what waits, with a fresh path and the current certificate.
    Path,
    /// Take in what waits, if anything still does.
    Proposals,
}

/// A device to add.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub(super) uri: MemberUri,
    pub(super) key_package: Vec<u8>,
}

/// What a change came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing of it is left to do; `changed` where this device did it.
    Settled { changed: bool },
    /// The room is being made, or needs a fresh group before it can be changed.
    NotUsable { changed: bool },
}

/// What one try came to.
enum Tried {
    Done,
    Nothing,
    /// A commit of an earlier try, whose fate was open, has been applied.
    Earlier,
    Lost,
}

enum Fate {
    Applied,
    Lost,
    Unknown,
}

/// Whether a room has another certificate of this device than the present one, which may end later or earlier.
pub(super) fn has_another_certificate(group: &wickr_e2ee::Room, own: &Identity) -> bool {
    group.roster().any(|member| member.uri == *own.uri() && member.not_after != own.not_after())
}

impl Core {
    /// Brings the change about, after the room's repair where it needs one. False when there was nothing to do (any more).
    pub(super) async fn commit(&self, id: &RoomId, wanted: &Wanted) -> Result<bool, Error> {
        let mut before = false;
        loop {
            // Before the turn is taken: a repair, which is waited for here, needs its turn too.
            self.until_usable(id).await?;
            match self.commit_now(id, wanted).await? {
                Outcome::Settled { changed } => return Ok(before || changed),
                Outcome::NotUsable { changed } => before |= changed,
            }
        }
    }

    /// As `commit`, without waiting for a repair: for whoever brings repairs about and would wait for itself.
    pub(super) async fn commit_now(&self, id: &RoomId, wanted: &Wanted) -> Result<Outcome, Error> {
        let mut changed = false;
        for attempt in 0..TRIES {
            if !self.is_usable(id)? {
                return Ok(Outcome::NotUsable { changed });
            }
            match self.try_commit(id, wanted).await? {
                Tried::Done => return Ok(Outcome::Settled { changed: true }),
                Tried::Nothing => return Ok(Outcome::Settled { changed }),
                Tried::Earlier => changed = true,
                Tried::Lost => {}
            }
            let spread = self.environment.timings.race;
            sleep(spread.pick(&*self.environment.rng).saturating_mul(attempt + 1)).await;
        }
        Err(Error::Raced { room: id.clone(), tries: TRIES })
    }

    async fn try_commit(&self, id: &RoomId, wanted: &Wanted) -> Result<Tried, Error> {
        let _one_at_a_time = self.commits.lock().await;
        let link = self.online().await?;
        match self.settle(&link, id).await? {
            Some(Fate::Applied) => return Ok(Tried::Earlier),
            Some(Fate::Lost | Fate::Unknown) => return Ok(Tried::Lost),
            None => {}
        }
        if self.room(id)?.repair.is_some() {
            return Ok(Tried::Lost);
        }
        let Some(own) = self.store.write(|| self.make(id, wanted))? else { return Ok(Tried::Nothing) };
        match self.submit(&link, &own).await? {
            Fate::Applied => Ok(Tried::Done),
            Fate::Lost | Fate::Unknown => Ok(Tried::Lost),
        }
    }

    /// Finds out about a commit whose fate is open, by submitting it again under the same id.
    async fn settle(&self, link: &Link, id: &RoomId) -> Result<Option<Fate>, Error> {
        let Some(own) = self.store.own_commit(id)? else { return Ok(None) };
        if matches!(own.reason, CommitReason::Generation(_)) {
            return Ok(None);
        }
        match self.submit(link, &own).await {
            Ok(fate) => Ok(Some(fate)),
            // Refused for good; what is wanted now may still go.
            Err(Error::Relay(LinkError::Refused(_))) => Ok(Some(Fate::Lost)),
            Err(error) => Err(error),
        }
    }

    /// Waits while the room is being repaired; an error when this device is not in it.
    async fn until_usable(&self, id: &RoomId) -> Result<(), Error> {
        self.until(|| Ok(self.is_usable(id)?.then_some(()))).await
    }

    fn is_usable(&self, id: &RoomId) -> Result<bool, Error> {
        let room = self.room(id)?;
        match room.membership {
            Membership::Gone => Err(Error::NotAMember(id.clone())),
            Membership::Creating => Ok(false),
            Membership::Member | Membership::Leaving => Ok(room.repair.is_none()),
        }
    }

    pub(super) fn make(&self, id: &RoomId, wanted: &Wanted) -> Result<Option<OwnCommit>, Error> {
        let room = self.room(id)?;
        let mut group = self.open(&room)?.ok_or_else(|| Error::NotAMember(id.clone()))?;
        if group.commit_pending() {
            // Its record is gone, so the relay has refused it.
            group.drop_pending_commit();
        }
        let epoch = group.epoch();
        let Some((out, reason)) = self.build(&mut group, wanted).map_err(Error::mls("making a commit"))?
        else {
            return Ok(None);
        };
        group.save(&mut self.store.clone()).map_err(Error::mls("saving a room"))?;
        let own = OwnCommit {
            id: MessageId::random(&*self.environment.rng),
            room: id.clone(),
            generation: room.generation,
            epoch,
            commit: out.commit,
            welcome: out.welcome,
            group_info: out.group_info,
            reason,
        };
        self.store.save_own_commit(&own)?;
        Ok(Some(own))
    }

    fn build(
        &self,
        group: &mut wickr_e2ee::Room,
        wanted: &Wanted,
    ) -> Result<Option<(CommitOut, CommitReason)>, E2eeError> {
        let now = self.relay_now();
        let engine = self.engine();
        let identity = engine.identity();
        let waiting = group.pending_removals();
        match wanted {
            Wanted::Add(guests) => {
                let invited: Vec<_> = guests
                    .iter()
                    .filter(|guest| !group.contains(&guest.uri))
                    .map(|guest| Invited { device: guest.uri.clone(), key_package: &guest.key_package })
                    .collect();
                if invited.is_empty() {
                    return Ok(None);
                }
                let added = invited.iter().map(|invited| invited.device.clone()).collect();
                group.add(&invited, now).map(|out| Some((out, CommitReason::Add(added))))
            }
            Wanted::Remove(members) => {
                let members: Vec<_> =
                    members.iter().filter(|member| group.contains(member)).cloned().collect();
                if members.is_empty() {
                    return Ok(None);
                }
                let out = group.remove(&members, now)?;
                Ok(Some((out, CommitReason::Remove(members))))
            }
            Wanted::Proposals if waiting.is_empty() => Ok(None),
            // About to be removed itself: another device has to commit.
            Wanted::Path | Wanted::Proposals if waiting.contains(identity.uri()) => Ok(None),
            Wanted::Path | Wanted::Proposals => {
                let renewed = has_another_certificate(group, identity);
                let out = if renewed { group.renew(identity, now)? } else { group.path_commit(now)? };
                Ok(Some((out, CommitReason::Path)))
            }
        }
    }

    async fn submit(&self, link: &Link, own: &OwnCommit) -> Result<Fate, Error> {
        let frame = SubmitCommit {
            id: own.id.0.to_vec().into(),
            room: own.room.to_string(),
            generation: own.generation.0,
            epoch: own.epoch,
            commit: own.commit.clone().into(),
            welcomes: own.welcome.iter().cloned().map(Into::into).collect(),
            group_info: own.group_info.clone().into(),
        };
        match link.ask(client_frame::Body::SubmitCommit(frame)).await {
            Ok(reply::Outcome::Sequenced(placed)) => {
                self.until_taken_in(&own.room, Seq(placed.seq)).await?;
                Ok(Fate::Applied)
            }
            Ok(_) => Err(Error::Protocol("something else than the place of a commit")),
            Err(LinkError::Refused(refusal)) => self.refused(own, refusal).await,
            // It may have got there: the log, or the same question again, will tell.
            Err(_) => Ok(Fate::Unknown),
        }
    }

    async fn refused(&self, own: &OwnCommit, refusal: Refusal) -> Result<Fate, Error> {
        self.withdraw(own)?;
        match ProblemCode::parse(&refusal.code) {
            Some(ProblemCode::StaleEpoch) => {
                self.until_epoch(&own.room, refusal.epoch).await?;
                Ok(Fate::Lost)
            }
            Some(
                ProblemCode::StaleGeneration
                | ProblemCode::PendingRemoval
                | ProblemCode::Busy
                | ProblemCode::TooMany
                | ProblemCode::Draining
                | ProblemCode::StorageFull,
            ) => Ok(Fate::Lost),
            _ => Err(LinkError::Refused(refusal).into()),
        }
    }

    /// The relay has refused it: it will never come in the log.
    fn withdraw(&self, own: &OwnCommit) -> Result<(), Error> {
        self.store.write(|| {
            let Some(held) = self.store.own_commit(&own.room)? else { return Ok(()) };
            if held.id != own.id {
                return Ok(());
            }
            self.store.remove_own_commit(&own.room)?;
            let room = self.room(&own.room)?;
            if room.generation == own.generation
                && let Some(mut group) = self.open(&room)?
                && group.commit_pending()
            {
                group.drop_pending_commit();
                group.save(&mut self.store.clone()).map_err(Error::mls("saving a room"))?;
            }
            Ok(())
        })
    }

    pub(super) async fn until_taken_in(&self, id: &RoomId, seq: Seq) -> Result<(), Error> {
        self.patiently(|| {
            let room = self.room(id)?;
            Ok((room.cursor >= seq || room.membership == Membership::Gone).then_some(()))
        })
        .await
    }

    pub(super) async fn until_epoch(&self, id: &RoomId, epoch: u64) -> Result<(), Error> {
        self.patiently(|| {
            let room: Room = self.room(id)?;
            let reached = room.repair.is_some()
                || room.membership == Membership::Gone
                || self.open(&room)?.is_none_or(|group| group.epoch() >= epoch);
            Ok(reached.then_some(()))
        })
        .await
    }

    /// Waits as long as for an answer, then goes on all the same: what follows checks for itself.
    async fn patiently(&self, ready: impl FnMut() -> Result<Option<()>, Error>) -> Result<(), Error> {
        let patience: Duration = self.environment.timings.answer;
        timeout(patience, self.until(ready)).await.unwrap_or(Ok(()))
    }
}

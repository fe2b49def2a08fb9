//! The start of a connection: prove who this is, say where each room stands, find out what the relay has forgotten.

use aws_lc_rs::digest::{SHA256, digest};
use wickr_base::{Generation, Incarnation, RoomId, Seq, UnixMillis};
use wickr_wire::relay::{Authenticate, Challenge, Cursor, Resume, RoomState, Rooms, client_frame, reply};
use wickr_wire::{ProblemCode, challenge_answer};

use super::agenda::Task;
use super::core::Core;
use crate::Error;
use crate::net::{Link, LinkError};
use crate::store::{Ahead, Membership, Place, Repair, Room};

impl Core {
    /// Answers the challenge with a session token; done again on the open connection with each new one.
    pub(super) async fn authenticate(&self, link: &Link, challenge: &Challenge) -> Result<(), Error> {
        let token = self.token().await?.token;
        let hash = digest(&SHA256, token.as_bytes());
        // On disk first: whatever becomes of the answer, the next try is higher.
        let store_revision = self.store.raise_revision()?;
        let signed = challenge_answer(&challenge.nonce, hash.as_ref(), store_revision);
        let signature = self
            .key
            .sign_der(&signed)
            .map_err(|error| Error::Key { doing: "answering the relay's challenge", source: error.into() })?;
        let proof = Authenticate {
            session_token: token,
            signature: signature.into(),
            certificate: self.account().certificate.into(),
            store_revision,
        };
        match link.ask(client_frame::Body::Authenticate(proof)).await {
            Ok(_) => Ok(()),
            Err(LinkError::Refused(refusal)) => {
                self.store.take_revision_back(store_revision)?;
                if ProblemCode::parse(&refusal.code) == Some(ProblemCode::OldStore) {
                    self.store.mark_old(&refusal.detail)?;
                    return Err(Error::OldStore(refusal.detail));
                }
                Err(LinkError::Refused(refusal).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for everything after what is held here. Gives the rooms that the relay has this device in and that are not
    /// known here (yet: a Welcome may be on its way).
    pub(super) async fn resume(&self, link: &Link, challenge: &Challenge) -> Result<Vec<RoomState>, Error> {
        self.relay_says_it_is(UnixMillis(challenge.time_ms));
        let held = self.store.place()?;
        let mut resume = Resume::default();
        if let Some(held) = held {
            resume.incarnation = held.incarnation.0.to_vec().into();
            resume.inbox = held.inbox;
            resume.cursors = self
                .store
                .rooms()?
                .into_iter()
                .filter(|room| room.incarnation == held.incarnation && room.cursor > Seq(0))
                .map(|room| Cursor { room: room.id.to_string(), seq: room.cursor.0 })
                .collect();
        }
        match link.ask(client_frame::Body::Resume(resume)).await? {
            reply::Outcome::Rooms(rooms) => self.store.write(|| self.compare(held, &rooms)),
            _ => Err(Error::Protocol("something else than the rooms")),
        }
    }

    pub(super) fn compare(&self, held: Option<Place>, rooms: &Rooms) -> Result<Vec<RoomState>, Error> {
        let incarnation = Incarnation::from_slice(&rooms.incarnation)
            .ok_or(Error::Protocol("a store incarnation that is not 16 bytes"))?;
        if held.is_none_or(|held| held.incarnation != incarnation) {
            self.store.save_place(&Place { incarnation, inbox: 0 })?;
        }
        let mut unknown = Vec::new();
        let mut on_relay = Vec::new();
        for state in &rooms.rooms {
            let id: RoomId = state.room.parse().map_err(|_| Error::Protocol("a room without an id"))?;
            on_relay.push(id.clone());
            match self.store.room(&id)? {
                None if state.removed => {}
                None => unknown.push(state.clone()),
                Some(mut room) => {
                    if room.incarnation != incarnation {
                        self.restored(&mut room, incarnation, state)?;
                    } else if room.cursor.0 < state.after {
                        // The relay leaves out what came before this device joined anew: its Welcome says the rest.
                        self.catch_up_with(&mut room, Seq(state.after))?;
                        room.cursor = Seq(state.after);
                        self.store.save_room(&room)?;
                    }
                }
            }
        }
        for mut room in self.store.rooms()? {
            let gone = matches!(room.membership, Membership::Gone | Membership::Creating);
            if gone || on_relay.contains(&room.id) {
                continue;
            }
            if room.incarnation == incarnation {
                // Left or ended while this device was away, and the removing commit is no longer there to be read.
                let why = "the relay no longer has this room for this device";
                // Who wanted to leave believes it; else it is the relay's word, and no more.
                room.dropped = room.membership != Membership::Leaving;
                self.end_room(&mut room, why)?;
                self.notice(Some(&room.id), None, why.to_owned())?;
                self.store.save_room(&room)?;
            } else {
                let state = RoomState::default();
                self.restored(&mut room, incarnation, &state)?;
            }
        }
        Ok(unknown)
    }

    /// The newest generation joined that begins there or before.
    fn catch_up_with(&self, room: &mut Room, after: Seq) -> Result<(), Error> {
        let (past, ahead) = std::mem::take(&mut room.ahead).into_iter().partition(|next| next.begin <= after);
        room.ahead = ahead;
        let mut past: Vec<Ahead> = past;
        if let Some(Ahead { generation, begin, by }) = past.pop()
            && let Some(next) = self.successor(&room.id, generation, begin, by)?
        {
            self.succeed(room, next)?;
        }
        for skipped in past {
            self.store.forget_group(&room.id.group(skipped.generation))?;
        }
        Ok(())
    }

    /// The relay lives on from a backup: what it forgot is told again, in a fresh group.
    fn restored(&self, room: &mut Room, incarnation: Incarnation, state: &RoomState) -> Result<(), Error> {
        room.incarnation = incarnation;
        room.cursor = Seq(state.after);
        self.forget_ahead(room)?;
        if matches!(room.membership, Membership::Member | Membership::Leaving) && !state.removed {
            room.membership = Membership::Member;
            room.resend = true;
            let from = Generation(state.generation).max(room.generation);
            room.repair = Some(Repair { from, why: "the relay was restored from a backup".to_owned() });
            self.store.remove_own_commit(&room.id)?;
            self.plan(&room.id, Task::Repair);
        }
        self.store.save_room(room)?;
        Ok(())
    }

    /// Everything stored has come in: what is still missing now will not come by itself.
    pub(super) fn caught_up(&self, unknown: &[RoomState]) -> Result<(), Error> {
        self.store.write(|| {
            for state in unknown {
                let id: RoomId = state.room.parse().map_err(|_| Error::Protocol("a room without an id"))?;
                if self.store.room(&id)?.is_some() {
                    continue;
                }
                let why = "the relay lists it as a member, and no invitation has come";
                self.cannot_get_in(&id, Generation(state.generation), Seq(state.head), why)?;
            }
            for room in self.store.rooms()? {
                self.plan_owed(&room)?;
            }
            Ok(())
        })
    }

    /// Plans again what a restart of this process forgot.
    fn plan_owed(&self, room: &Room) -> Result<(), Error> {
        if !matches!(room.membership, Membership::Member | Membership::Leaving) {
            return Ok(());
        }
        if room.repair.is_some() {
            self.plan(&room.id, Task::Repair);
            return Ok(());
        }
        if room.owes_path {
            self.plan(&room.id, Task::Path);
        }
        if let Some(group) = self.open(room)?
            && !group.pending_removals().is_empty()
        {
            self.plan(&room.id, Task::Proposals);
        }
        Ok(())
    }
}

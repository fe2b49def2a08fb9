//! Sending: a message waits in the outbox until the relay has acknowledged it; sealed again, under the same id, when the epoch moved on.

use std::collections::HashSet;

use wickr_base::{MessageId, RoomId, Seq, UnixMillis};
use wickr_e2ee::E2eeError;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{SendMessage, client_frame, reply};

use super::agenda::Task;
use super::core::Core;
use super::receive::users_of;
use crate::Error;
use crate::content::{self, Body, Written};
use crate::net::{Link, LinkError};
use crate::store::{Room, Unsent, UnsentState};

enum Sent {
    Done,
    Later,
}

/// What sealing an unsent message came to.
pub(super) enum Sealed {
    Ready { room: Box<Room>, unsent: Box<Unsent>, message: Vec<u8> },
    Later,
    // Another message of the same id is acknowledged already, or the room is gone.
    Void,
}

impl Core {
    /// Puts a text at the end of the outbox. Given the same id again it does nothing.
    pub(super) fn queue_text(
        &self,
        room: &RoomId,
        id: MessageId,
        text: &str,
        expires: UnixMillis,
    ) -> Result<(), Error> {
        let limit = wickr_wire::MAX_MESSAGE_BYTES - 4096;
        if text.len() > limit {
            return Err(Error::TooLong { size: text.len(), limit });
        }
        if !self.room(room)?.is_member() {
            return Err(Error::NotAMember(room.clone()));
        }
        self.queue(room, id, expires, Body::Text(text.to_owned()))?;
        self.announce();
        Ok(())
    }

    /// Tells the members what the room is called.
    pub(super) fn queue_name(&self, room: &RoomId, name: &str) -> Result<(), Error> {
        let id = MessageId::random(&*self.environment.rng);
        self.queue(room, id, UnixMillis(0), Body::RoomName(name.to_owned()))
    }

    fn queue(&self, room: &RoomId, id: MessageId, expires: UnixMillis, body: Body) -> Result<(), Error> {
        let control = matches!(body, Body::RoomName(_));
        let sent = self.environment.clock.now();
        let content = Written { id, expires, sent, body }.content();
        self.store.write(|| {
            if let Some(why) = self.store.old()? {
                return Err(Error::OldStore(why));
            }
            if !self.store.knows_message(room, id)? {
                let audience = self.room(room)?.arrivals;
                let unsent = Unsent::new(room.clone(), id, expires, content, control);
                self.store.add_unsent(&unsent.to(audience))?;
            }
            Ok(())
        })
    }

    /// Sends what waits, room by room in the order it was written. True when something has to be tried again.
    pub(super) async fn send_waiting(&self, link: &Link) -> Result<bool, Error> {
        let mut held_up = HashSet::new();
        let waiting = self.store.unsent()?.into_iter().filter(|unsent| unsent.state == UnsentState::Waiting);
        for unsent in waiting {
            if held_up.contains(&unsent.room) {
                continue;
            }
            if let Sent::Later = self.send_one(link, &unsent).await? {
                held_up.insert(unsent.room);
            }
        }
        Ok(!held_up.is_empty())
    }

    async fn send_one(&self, link: &Link, unsent: &Unsent) -> Result<Sent, Error> {
        let (room, unsent, message) = match self.store.write(|| self.seal(unsent))? {
            Sealed::Ready { room, unsent, message } => (room, unsent, message),
            Sealed::Later => return Ok(Sent::Later),
            Sealed::Void => return Ok(Sent::Done),
        };
        let frame =
            SendMessage { room: room.id.to_string(), generation: room.generation.0, message: message.into() };
        match link.ask(client_frame::Body::SendMessage(frame)).await {
            Ok(reply::Outcome::Sequenced(placed)) => {
                self.acknowledged(&unsent, Seq(placed.seq), UnixMillis(placed.time_ms))?;
                self.announce();
                Ok(Sent::Done)
            }
            Ok(_) => Err(Error::Protocol("something else than the place of a message")),
            Err(LinkError::Refused(refusal)) => {
                let code = ProblemCode::parse(&refusal.code).unwrap_or(ProblemCode::Internal);
                self.not_sent(&unsent, code, &refusal.detail)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Seals in the room's epoch of now. The key that this uses up is gone from the store before the bytes leave.
    pub(super) fn seal(&self, unsent: &Unsent) -> Result<Sealed, Error> {
        let Some(mut unsent) = self.store.unsent_by_id(unsent.id)? else { return Ok(Sealed::Void) };
        let room = self.room(&unsent.room)?;
        if !room.is_usable() {
            return Ok(Sealed::Later);
        }
        let Some(mut group) = self.open(&room)? else { return Ok(Sealed::Later) };
        if unsent.again && !room.were_there(&users_of(&group), unsent.audience) {
            let text = "a message of yours was not sent once more: somebody is in the room who came after it";
            self.notice(Some(&room.id), None, text.to_owned())?;
            self.store.remove_unsent(unsent.id)?;
            return Ok(Sealed::Void);
        }
        let outer = content::envelope(&unsent.content)?;
        match group.seal(&unsent.content, &outer) {
            Ok(message) => {
                group.save(&mut self.store.clone()).map_err(Error::mls("saving a room"))?;
                if !unsent.again && unsent.audience != room.arrivals {
                    unsent.audience = room.arrivals;
                    self.store.update_unsent(&unsent)?;
                }
                Ok(Sealed::Ready { room: Box::new(room), unsent: Box::new(unsent), message })
            }
            Err(E2eeError::CommitRequired(_)) => {
                self.plan(&room.id, Task::Proposals);
                Ok(Sealed::Later)
            }
            Err(error) => Err(Error::mls("sealing a message")(error)),
        }
    }

    fn not_sent(&self, unsent: &Unsent, code: ProblemCode, detail: &str) -> Result<Sent, Error> {
        use ProblemCode::{
            Busy, Draining, Internal, PendingRemoval, StaleEpoch, StaleGeneration, StorageFull, TooMany,
        };
        match code {
            // The log that is on its way here says what has changed; then it is sealed again.
            StaleEpoch | StaleGeneration | Busy | Draining | Internal | StorageFull | TooMany => {
                Ok(Sent::Later)
            }
            PendingRemoval => {
                self.plan(&unsent.room, Task::Proposals);
                Ok(Sent::Later)
            }
            _ if unsent.control => {
                self.store.remove_unsent(unsent.id)?;
                Ok(Sent::Done)
            }
            _ => {
                self.store.refuse_unsent(unsent, code, detail)?;
                self.announce();
                Ok(Sent::Done)
            }
        }
    }
}

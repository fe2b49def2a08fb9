//! The client as applications hold it: cheap to clone, all answers from the store, everything sent through the outbox.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wickr_base::{DeviceId, Handle, MessageId, RoomId, Seq, UnixMillis, UserId};

use super::core::Core;
use super::drive;
use super::people::Member;
use super::rooms::Invitation;
use super::status::{Connection, RoomStatus, Status};
use crate::Error;
use crate::environment::Environment;
use crate::profile::{Owned, UnlockWith};
use crate::sign_in::Device;
use crate::store::{Account, Message, UnsentState};

/// A signed-in device, connected as long as it lives.
///
/// Messages: `send` keeps the text durably and returns; `delivery` waits for the relay's acknowledgement. `after` with
/// `mark_given` gives each message to the application once, across restarts: mark a message when it has been dealt
/// with, and it is not among those `after` the mark.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    running: Arc<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    driver: Mutex<Option<JoinHandle<()>>>,
    owned: Owned,
    replaced: Option<DeviceId>,
}

/// Where a sent message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Durable at the relay.
    Acknowledged {
        /// Its place in the room's log.
        seq: Seq,
        /// The relay's time.
        time: UnixMillis,
    },
    /// Refused for good.
    Refused {
        /// The problem code.
        code: String,
        /// The relay's words.
        detail: String,
    },
}

impl Client {
    /// Opens a profile and connects in the background.
    pub async fn open(owned: Owned, unlock: &UnlockWith, environment: Environment) -> Result<Self, Error> {
        super::login::open(owned, unlock, environment).await
    }

    pub(super) fn start(owned: Owned, core: Core, replaced: Option<DeviceId>) -> Self {
        let core = Arc::new(core);
        let (stop, stopped) = watch::channel(false);
        let driver = tokio::spawn(drive::run(core.clone(), stopped));
        let driver = Mutex::new(Some(driver));
        Self { core, running: Arc::new(Running { stop, driver, owned, replaced }) }
    }

    /// Ends the connection; the store is closed when the last clone is dropped.
    pub async fn stop(&self) {
        self.running.stop.send_replace(true);
        let driver = self.running.driver.lock().take();
        if let Some(driver) = driver {
            let _ = driver.await;
        }
    }

    /// Who is signed in.
    pub fn account(&self) -> Account {
        self.core.account()
    }

    /// The device that this profile was before the sign-in that made this client, where that made it a new one. It is
    /// still in its rooms, until it is revoked.
    pub fn replaced(&self) -> Option<DeviceId> {
        self.running.replaced
    }

    /// Everything at a glance.
    pub fn status(&self) -> Result<Status, Error> {
        self.core.status()
    }

    /// Counts changes of rooms, messages, outbox and connection; for waiting.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.core.changes()
    }

    /// Waits until the connection is there and the stored log has been taken in. Waits for ever without one.
    pub async fn online(&self) -> Result<(), Error> {
        self.core.online().await.map(drop)
    }

    /// How the device stands with the relay.
    pub fn connection(&self) -> Connection {
        self.core.connection.borrow().state.clone()
    }

    /// The person's devices, from the directory.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let token = self.core.token().await?;
        Ok(self.core.sso().devices(&token).await?)
    }

    /// Revokes one of the person's devices: its connections close, and it is removed from all rooms.
    pub async fn revoke(&self, device: DeviceId) -> Result<(), Error> {
        let token = self.core.token().await?;
        Ok(self.core.sso().revoke(device, &token).await?)
    }

    /// All rooms this device knows.
    pub fn rooms(&self) -> Result<Vec<RoomStatus>, Error> {
        self.core.rooms_at_a_glance()
    }

    /// One room, if this device knows it.
    pub fn room(&self, id: &RoomId) -> Result<Option<RoomStatus>, Error> {
        Ok(self.core.store.room(id)?.map(RoomStatus::from))
    }

    /// Makes a room with this device in it: `begin_room`, then `finish_room`.
    pub async fn create_room(&self, name: &str) -> Result<RoomId, Error> {
        self.core.create_room(name).await
    }

    /// Makes a room on this device, as soon as there is a connection. From then on it comes about, in this run of the
    /// client or a later one, unless the relay refuses it.
    pub async fn begin_room(&self, name: &str) -> Result<RoomId, Error> {
        self.core.begin_room(name).await
    }

    /// Waits until the relay has taken a room that was begun.
    pub async fn finish_room(&self, room: &RoomId) -> Result<(), Error> {
        self.core.finish_room(room).await
    }

    /// Asks all devices of a person in.
    pub async fn invite(&self, room: &RoomId, handle: &Handle) -> Result<Invitation, Error> {
        self.core.invite(room, handle).await
    }

    /// Who is in a room.
    pub fn members(&self, room: &RoomId) -> Result<Vec<Member>, Error> {
        self.core.members(room)
    }

    /// Asks the directory about people whose handles are not known yet.
    pub async fn learn_handles(&self) -> Result<(), Error> {
        self.core.learn_handles().await
    }

    /// Asks the directory what a person is called.
    pub async fn learn_handle(&self, user: UserId) -> Result<(), Error> {
        self.core.learn_handle(user).await
    }

    /// What a person is called, as far as known here.
    pub fn handle(&self, user: UserId) -> Result<Option<Handle>, Error> {
        self.core.handle(user)
    }

    /// Leaves a room with all of the person's devices; done when another member has committed it.
    pub async fn leave(&self, room: &RoomId) -> Result<(), Error> {
        self.core.leave(room).await
    }

    /// A fresh message id.
    pub fn message_id(&self) -> MessageId {
        MessageId::random(&*self.core.environment.rng)
    }

    /// Keeps a text durably and sends it as soon as it can. With the id of an earlier message it does nothing.
    pub fn send(&self, room: &RoomId, id: MessageId, text: &str, expires: UnixMillis) -> Result<(), Error> {
        self.core.queue_text(room, id, text, expires)
    }

    /// The relay's time, for an expiry.
    pub fn relay_now(&self) -> UnixMillis {
        self.core.relay_now()
    }

    /// Waits until it is known what became of a message. Of a device that is signed out nothing will become known.
    pub async fn delivery(&self, room: &RoomId, id: MessageId) -> Result<Delivery, Error> {
        self.core
            .until(|| match self.core.store.unsent_by_id(id)? {
                Some(unsent) => Ok(match unsent.state {
                    UnsentState::Waiting => match self.connection() {
                        Connection::SignedOut { why } => return Err(Error::SignedOut(why)),
                        _ => None,
                    },
                    UnsentState::Refused { code, detail } => Some(Delivery::Refused { code, detail }),
                }),
                None => match self.core.store.own_message(room, id)? {
                    Some(message) => {
                        Ok(Some(Delivery::Acknowledged { seq: message.seq, time: message.time }))
                    }
                    None => Err(Error::Protocol("nothing about a message that was never sent")),
                },
            })
            .await
    }

    /// The newest messages, oldest of them first; of one room when given.
    pub fn history(&self, room: Option<&RoomId>, limit: usize) -> Result<Vec<Message>, Error> {
        Ok(self.core.store.last_messages(room, limit)?)
    }

    /// Messages that came after `place`, oldest first.
    pub fn after(&self, room: Option<&RoomId>, place: i64, limit: usize) -> Result<Vec<Message>, Error> {
        Ok(self.core.store.messages_after(room, place, limit)?)
    }

    /// Up to which place messages have been given to the application.
    pub fn given(&self, room: Option<&RoomId>) -> Result<i64, Error> {
        Ok(self.core.store.given(room)?)
    }

    /// The application has dealt with everything up to `place`.
    pub fn mark_given(&self, room: Option<&RoomId>, place: i64) -> Result<(), Error> {
        Ok(self.core.store.mark_given(room, place)?)
    }

    /// Signs out, and deletes everything that the profile holds: this device is gone for good. Of an old copy only the
    /// profile goes: the session is the original's too.
    pub async fn log_out(self) -> Result<(), Error> {
        let is_old = self.core.store.old()?.is_some();
        let signed_out = async {
            if is_old {
                return Ok(());
            }
            let token = self.core.token().await?;
            Ok::<_, Error>(self.core.sso().sign_out(&token).await?)
        }
        .await;
        self.stop().await;
        self.running.owned.wipe()?;
        signed_out
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.account().uri())
    }
}

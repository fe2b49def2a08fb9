//! What all parts of the running client share: store, engine, connection, and the signal that something changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use wickr_base::{RoomId, UnixMillis};
use wickr_e2ee::{Engine, Identity};
use wickr_pki::SigningKey;

use super::agenda::Agenda;
use super::commit::Wanted;
use super::status::Connection;
use crate::Error;
use crate::environment::Environment;
use crate::net::Link;
use crate::network::Believed;
use crate::sign_in::Sso;
use crate::store::{Account, Notice, Room, Store};

/// How far behind the relay's this device's clock is taken to be, at most, where something would be deleted by it.
const SLOW_CLOCK: Duration = Duration::from_mins(5);

pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) environment: Environment,
    pub(crate) key: Arc<SigningKey>,
    pub(super) standing: RwLock<Standing>,
    pub(super) connection: watch::Sender<Connected>,
    // Counts everything that a waiter may wait for.
    changed: watch::Sender<u64>,
    pub(super) work: Notify,
    // People have come whose handles may not be known.
    pub(super) strangers: Notify,
    pub(super) agenda: Mutex<Agenda>,
    // Changes to rooms that nobody waits for.
    pub(super) wanted: Mutex<Vec<(RoomId, Wanted)>>,
    // One commit of this device at a time, from making it until its fate is known.
    pub(super) commits: tokio::sync::Mutex<()>,
    pub(super) renewals: tokio::sync::Mutex<()>,
    // Relay's time minus ours, milliseconds.
    ahead: AtomicI64,
}

/// What changes rarely: certificate, network document, and what is made of them.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) account: Account,
    pub(super) believed: Believed,
    pub(super) engine: Engine,
    pub(super) sso: Sso,
}

/// The connection as waiters see it.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) state: Connection,
    pub(super) link: Option<Link>,
}

impl Standing {
    pub(super) fn new(
        account: Account,
        believed: Believed,
        key: &Arc<SigningKey>,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Key {
            doing: "putting the device key and its certificate together",
            source,
        };
        let pkcs8 = key.to_pkcs8().map_err(|error| unreadable(error.into()))?;
        let identity =
            Identity::new(account.certificate.clone(), &pkcs8).map_err(|error| unreadable(error.into()))?;
        let engine =
            Engine::new(believed.network(), identity).map_err(Error::mls("setting the MLS engine up"))?;
        let sso = Sso::new(&believed, key.clone(), environment)?;
        Ok(Self { account, believed, engine, sso })
    }
}

impl Core {
    pub(super) fn new(
        store: Store,
        environment: Environment,
        key: Arc<SigningKey>,
        standing: Standing,
    ) -> Self {
        let connection = Connected { state: Connection::Connecting, link: None };
        Self {
            store,
            environment,
            key,
            standing: RwLock::new(standing),
            connection: watch::Sender::new(connection),
            changed: watch::Sender::new(0),
            work: Notify::new(),
            strangers: Notify::new(),
            agenda: Mutex::new(Agenda::default()),
            wanted: Mutex::new(Vec::new()),
            commits: tokio::sync::Mutex::new(()),
            renewals: tokio::sync::Mutex::new(()),
            ahead: AtomicI64::new(0),
        }
    }

    pub(super) fn account(&self) -> Account {
        self.standing.read().account.clone()
    }

    pub(super) fn engine(&self) -> Engine {
        self.standing.read().engine.clone()
    }

    pub(super) fn believed(&self) -> Believed {
        self.standing.read().believed.clone()
    }

    pub(super) fn sso(&self) -> Sso {
        self.standing.read().sso.clone()
    }

    /// The relay's time, as far as known: the only one for expiry.
    pub(super) fn relay_now(&self) -> UnixMillis {
        UnixMillis(self.environment.clock.now().0.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// Up to when messages may be deleted as expired: a relay whose clock runs ahead deletes nothing here before its time.
    pub(super) fn surely_past(&self) -> UnixMillis {
        self.relay_now().min(self.environment.clock.now().plus(SLOW_CLOCK))
    }

    pub(super) fn relay_says_it_is(&self, time: UnixMillis) {
        let ahead = time.0.saturating_sub(self.environment.clock.now().0);
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Something that waiters may wait for has changed; there may be work.
    pub(super) fn announce(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        self.work.notify_one();
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Waits until `ready` gives something; it is asked again after each change.
    pub(super) async fn until<T>(
        &self,
        mut ready: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if let Some(found) = ready()? {
                return Ok(found);
            }
            // The sender lives in self, so this only ever waits.
            let _ = changes.changed().await;
        }
    }

    /// The connection, once there is one and the stored log has been taken in.
    pub(super) async fn online(&self) -> Result<Link, Error> {
        let mut connection = self.connection.subscribe();
        loop {
            let now = connection.borrow_and_update().clone();
            match (now.state, now.link) {
                (Connection::Online, Some(link)) if link.is_open() => return Ok(link),
                (Connection::SignedOut { why }, _) => return Err(Error::SignedOut(why)),
                (Connection::OldStore { why }, _) => return Err(Error::OldStore(why)),
                _ => {
                    let _ = connection.changed().await;
                }
            }
        }
    }

    pub(super) fn set_connection(&self, state: Connection, link: Option<Link>) {
        self.connection.send_replace(Connected { state, link });
        self.announce();
    }

    pub(super) fn room(&self, id: &RoomId) -> Result<Room, Error> {
        self.store.room(id)?.ok_or_else(|| Error::NoSuchRoom(id.clone()))
    }

    /// The MLS group behind a room, opened from the store.
    pub(super) fn open(&self, room: &Room) -> Result<Option<wickr_e2ee::Room>, Error> {
        self.engine().open(&room.group(), &self.store).map_err(Error::mls("opening a room"))
    }

    pub(super) fn notice(&self, room: Option<&RoomId>, seq: Option<u64>, text: String) -> Result<(), Error> {
        tracing::warn!(room = room.map(ToString::to_string), seq, "{text}");
        let at = self.environment.clock.now();
        let seq = seq.map(wickr_base::Seq);
        self.store.add_notice(&Notice { at, room: room.cloned(), seq, text })?;
        Ok(())
    }
}

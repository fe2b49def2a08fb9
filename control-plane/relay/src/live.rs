//! Who is connected and which devices are revoked: what `fanout` needs besides the rooms.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use wickr_base::{DeviceId, UnixMillis};
use wickr_wire::ProblemCode;

use crate::outbox::Connection;

#[derive(Default)]
pub(crate) struct Live {
    /// Every connection, authenticated or not.
    all: Mutex<HashMap<usize, Arc<Connection>>>,
    /// The connection of each device that has one.
    devices: Mutex<HashMap<DeviceId, Arc<Connection>>>,
    revoked: RwLock<HashSet<DeviceId>>,
    /// Sessions that ended before their tokens do, until when that matters.
    ended: Mutex<HashMap<String, UnixMillis>>,
}

impl Live {
    /// A connection begins.
    pub(crate) fn open(&self, connection: &Arc<Connection>) {
        self.all.lock().insert(key(connection), Arc::clone(connection));
    }

    /// A connection is over.
    pub(crate) fn close(&self, connection: &Arc<Connection>) {
        self.all.lock().remove(&key(connection));
        let Some(who) = connection.who() else { return };
        let mut devices = self.devices.lock();
        if devices.get(&who.device).is_some_and(|current| Arc::ptr_eq(current, connection)) {
            devices.remove(&who.device);
        }
    }

    /// The device is behind this connection; an earlier one of it ends.
    pub(crate) fn claim(&self, device: DeviceId, connection: &Arc<Connection>) {
        let before = self.devices.lock().insert(device, Arc::clone(connection));
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, connection)) {
            before
                .end(ProblemCode::AlreadyExists, "this device has connected again; one connection is enough");
        }
    }

    pub(crate) fn of(&self, device: DeviceId) -> Option<Arc<Connection>> {
        self.devices.lock().get(&device).cloned()
    }

    /// Every connection there is at this moment.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.all.lock().values().cloned().collect()
    }

    /// The device is revoked: its connection ends, and it gets no other.
    pub(crate) fn revoke(&self, device: DeviceId) {
        self.revoked.write().insert(device);
        if let Some(connection) = self.of(device) {
            connection.end(ProblemCode::DeviceRevoked, "this device has been revoked");
        }
    }

    pub(crate) fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.read().contains(&device)
    }

    /// The session ended: connections by it end, and its tokens are refused until they have expired.
    pub(crate) fn end_session(&self, session: &str, until: UnixMillis, now: UnixMillis) {
        {
            let mut ended = self.ended.lock();
            ended.retain(|_, until| *until > now);
            ended.insert(session.to_owned(), until);
        }
        for connection in self.connections() {
            let by_it = connection.session.lock().as_ref().is_some_and(|(_, other)| other == session);
            if by_it {
                connection.end(ProblemCode::SessionExpired, "this session was ended; sign in again");
            }
        }
    }

    pub(crate) fn has_ended(&self, session: &str) -> bool {
        self.ended.lock().contains_key(session)
    }
}

fn key(connection: &Arc<Connection>) -> usize {
    Arc::as_ptr(connection) as usize
}

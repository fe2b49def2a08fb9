//! A room that is live: where it stands, who is in it and who of them is connected. Pure but for its lock.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use wickr_base::{DeviceId, MemberUri, RoomId, Seq};
use wickr_store::queue::{Room as StoredRoom, RoomMeta, RoomNumber};

use crate::outbox::Connection;
use crate::refusal::Refusal;
use crate::ticket::RoomChange;

/// A live room. Its state is changed by `fanout` alone, when something is durable.
pub(crate) struct Room {
    pub(crate) number: RoomNumber,
    pub(crate) id: RoomId,
    /// The id as it stands in frames.
    pub(crate) name: Arc<str>,
    /// Held from judging a handshake until it is durable.
    pub(crate) handshake: tokio::sync::Mutex<()>,
    pub(crate) live: Mutex<RoomLive>,
}

/// What changes about it.
pub(crate) struct RoomLive {
    pub(crate) meta: RoomMeta,
    /// In the order in which they came.
    pub(crate) members: Vec<MemberUri>,
    devices: HashSet<DeviceId>,
    /// Devices whose removal is due.
    pub(crate) removals: HashSet<DeviceId>,
    /// Members that are connected and have resumed.
    pub(crate) online: Vec<(DeviceId, Arc<Connection>)>,
}

impl Room {
    pub(crate) fn new(stored: StoredRoom) -> Self {
        let StoredRoom { meta, members, removals } = stored;
        let devices = devices(&members).collect();
        let (number, id, name) = (meta.number, meta.id.clone(), meta.id.to_string().into());
        let live =
            RoomLive { meta, members, devices, removals: removals.into_iter().collect(), online: Vec::new() };
        Self { number, id, name, handshake: tokio::sync::Mutex::default(), live: Mutex::new(live) }
    }

    /// The newest entry that is durable.
    pub(crate) fn head(&self) -> Seq {
        self.live.lock().meta.head
    }

    /// Delivers live to this connection from now on; a device has one connection at a time.
    pub(crate) fn subscribe(&self, device: DeviceId, connection: &Arc<Connection>) {
        let mut live = self.live.lock();
        live.online.retain(|(other, _)| *other != device);
        if live.devices.contains(&device) {
            live.online.push((device, Arc::clone(connection)));
        }
    }

    /// Ends live delivery to this very connection.
    pub(crate) fn unsubscribe(&self, connection: &Arc<Connection>) {
        self.live.lock().online.retain(|(_, other)| !Arc::ptr_eq(other, connection));
    }
}

impl RoomLive {
    pub(crate) fn has(&self, device: DeviceId) -> bool {
        self.devices.contains(&device)
    }

    /// Whether a message that claims this epoch may be handed to the store, which decides about old ones. One that
    /// claims an epoch to come would otherwise get in after a commit that removes its sender.
    pub(crate) fn admit(&self, device: DeviceId, name: &str, epoch: u64) -> Result<(), Refusal> {
        if !self.has(device) {
            return Err(Refusal::not_a_member(name));
        }
        if epoch > self.meta.epoch {
            return Err(self
                .meta
                .admit(self.meta.generation, epoch)
                .err()
                .map_or_else(Refusal::busy, Into::into));
        }
        Ok(())
    }

    /// Takes over a handshake that is durable at `seq`. Its entry is for those who were online before and for those
    /// left; what is online afterwards comes from the devices that joined.
    pub(crate) fn step(&mut self, seq: Seq, change: &RoomChange) {
        self.meta.head = self.meta.head.max(seq);
        self.meta.step(change.next, seq);
        let left: HashSet<&MemberUri> = change.left.iter().collect();
        self.members.retain(|member| !left.contains(member));
        for device in devices(&change.left) {
            self.devices.remove(&device);
            self.removals.remove(&device);
        }
        self.members.extend(change.joined.iter().cloned());
        self.devices.extend(devices(&change.joined));
    }
}

/// The devices among members.
pub(crate) fn devices(members: &[MemberUri]) -> impl Iterator<Item = DeviceId> {
    members.iter().filter_map(|member| Some(member.device()?.1))
}

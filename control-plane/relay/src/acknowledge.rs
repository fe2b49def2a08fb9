//! What devices hold now: gathered for a moment, then written together. A crash loses only that moment.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{DeviceId, Seq};
use wickr_store::queue::{CursorMove, DeviceRevision, Operation, RoomNumber};
use wickr_wire::relay::Acknowledge;

use crate::connection::Session;
use crate::outbox::Who;
use crate::relay::Relay;
use crate::ticket::Waiter;

/// How long cursors are gathered.
pub(crate) const GATHER: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(crate) struct Acknowledged {
    cursors: Mutex<HashMap<(DeviceId, RoomNumber), Seq>>,
    inboxes: Mutex<HashMap<DeviceId, u64>>,
    /// How far devices' own stores are, which must be known before any older copy of one signs in.
    revisions: Mutex<HashMap<DeviceId, u64>>,
}

impl Session {
    /// Only what was sent can be held.
    pub(crate) fn acknowledge(&mut self, acknowledge: &Acknowledge, who: &Who) {
        for cursor in &acknowledge.cursors {
            let Some(number) = self.names.get(cursor.room.as_str()).copied() else { continue };
            let place = self.places.get(&number).map(|place| place.sent);
            let Some(sent) = place.or_else(|| self.left.get(&number).copied()) else { continue };
            let held = Seq(cursor.seq).min(sent);
            if self.left.get(&number).is_some_and(|last| held >= *last) {
                self.left.remove(&number);
                self.names.remove(cursor.room.as_str());
            }
            let mut cursors = self.relay.acknowledged.cursors.lock();
            let gathered = cursors.entry((who.device, number)).or_insert(held);
            *gathered = held.max(*gathered);
        }
        if acknowledge.store_revision > 0 {
            let mut revisions = self.relay.acknowledged.revisions.lock();
            let gathered = revisions.entry(who.device).or_default();
            *gathered = acknowledge.store_revision.max(*gathered);
        }
        let inbox = acknowledge.inbox.min(self.inbox_sent);
        if inbox > 0 {
            let mut inboxes = self.relay.acknowledged.inboxes.lock();
            let gathered = inboxes.entry(who.device).or_insert(inbox);
            *gathered = inbox.max(*gathered);
        }
    }
}

impl Relay {
    /// Hands in what was gathered. What the store does not take in now is acknowledged anew after a reconnect.
    pub(crate) fn write_acknowledged(&self) {
        let revisions = std::mem::take(&mut *self.acknowledged.revisions.lock());
        if !revisions.is_empty() {
            // Before the cursors: what a device is no longer sent, no older copy of its store may come for.
            let noted = revisions.into_iter().map(|(device, revision)| DeviceRevision { device, revision });
            self.tell(Operation::NoteRevisions(noted.collect()));
        }
        let cursors = std::mem::take(&mut *self.acknowledged.cursors.lock());
        if !cursors.is_empty() {
            let moves = cursors.into_iter().map(|((device, room), seq)| CursorMove { device, room, seq });
            self.tell(Operation::MoveCursors(moves.collect()));
        }
        for (device, through) in std::mem::take(&mut *self.acknowledged.inboxes.lock()) {
            self.tell(Operation::ClearInbox { device, through });
        }
    }

    fn tell(&self, operation: Operation) {
        if let Err(refusal) = self.hand_in(operation, Waiter::Tell) {
            tracing::warn!(code = %refusal.code, "acknowledgements were not written");
        }
    }
}

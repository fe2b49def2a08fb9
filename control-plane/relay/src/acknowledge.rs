//! What devices hold now: gathered for a moment, then written together. A crash loses only that moment.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{DeviceId, Seq};
use wickr_store::queue::{CursorMove, Operation, RoomNumber};
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
}

impl Session {
    /// Only what was sent can be held.
    pub(crate) fn acknowledge(&mut self, acknowledge: &Acknowledge, who: &Who) {
        for cursor in &acknowledge.cursors {
            let Some(number) = self.names.get(cursor.room.as_str()).copied() else { continue };
            let Some(place) = self.places.get(&number) else { continue };
            let held = Seq(cursor.seq).min(place.sent);
            let mut cursors = self.relay.acknowledged.cursors.lock();
            let gathered = cursors.entry((who.device, number)).or_insert(held);
            *gathered = held.max(*gathered);
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

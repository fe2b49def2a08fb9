//! What devices hold now: gathered for a moment, then written together. A crash loses only that moment.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot::{self, error::TryRecvError};
use wickr_base::{DeviceId, Seq};
use wickr_store::queue::{CursorMove, DeviceRevision, Operation, RoomNumber, StoreError};
use wickr_wire::relay::Acknowledge;

use crate::connection::Session;
use crate::outbox::Who;
use crate::relay::Relay;
use crate::ticket::{Answer, Waiter};

/// How long cursors are gathered.
pub(crate) const GATHER: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(crate) struct Acknowledged {
    cursors: Mutex<HashMap<(DeviceId, RoomNumber), Seq>>,
    inboxes: Mutex<HashMap<DeviceId, u64>>,
    /// How far devices' own stores are, which must be known before any older copy of one signs in.
    revisions: Mutex<HashMap<DeviceId, u64>>,
    /// Handed in, and not answered yet.
    written: Mutex<Vec<(Operation, oneshot::Receiver<Answer>)>>,
    /// Whether the store has lately not taken them in, which is told once.
    kept_back: Mutex<bool>,
}

impl Acknowledged {
    fn hold(&self, device: DeviceId, room: RoomNumber, seq: Seq) {
        let mut cursors = self.cursors.lock();
        let gathered = cursors.entry((device, room)).or_insert(seq);
        *gathered = seq.max(*gathered);
    }

    fn clear_inbox(&self, device: DeviceId, through: u64) {
        let mut inboxes = self.inboxes.lock();
        let gathered = inboxes.entry(device).or_insert(through);
        *gathered = through.max(*gathered);
    }

    fn note_revision(&self, device: DeviceId, revision: u64) {
        let mut revisions = self.revisions.lock();
        let gathered = revisions.entry(device).or_default();
        *gathered = revision.max(*gathered);
    }

    /// What is to be handed in, in this order.
    fn take(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        let revisions = std::mem::take(&mut *self.revisions.lock());
        if !revisions.is_empty() {
            // Before the cursors: what a device is no longer sent, no older copy of its store may come for.
            let noted = revisions.into_iter().map(|(device, revision)| DeviceRevision { device, revision });
            operations.push(Operation::NoteRevisions(noted.collect()));
        }
        let cursors = std::mem::take(&mut *self.cursors.lock());
        if !cursors.is_empty() {
            let moves = cursors.into_iter().map(|((device, room), seq)| CursorMove { device, room, seq });
            operations.push(Operation::MoveCursors(moves.collect()));
        }
        let inboxes = std::mem::take(&mut *self.inboxes.lock());
        operations
            .extend(inboxes.into_iter().map(|(device, through)| Operation::ClearInbox { device, through }));
        operations
    }

    /// To be handed in once more; what came since counts where it is further.
    fn keep(&self, operation: Operation) {
        match operation {
            Operation::NoteRevisions(revisions) => {
                for one in revisions {
                    self.note_revision(one.device, one.revision);
                }
            }
            Operation::MoveCursors(moves) => {
                for one in moves {
                    self.hold(one.device, one.room, one.seq);
                }
            }
            Operation::ClearInbox { device, through } => self.clear_inbox(device, through),
            _ => {}
        }
    }

    /// Looks at what was handed in. What was not written is kept; what can't be read would only take every batch that
    /// it is in with it.
    fn look(&self) {
        let written = std::mem::take(&mut *self.written.lock());
        for (operation, mut answered) in written {
            match answered.try_recv() {
                Ok(Ok(_)) => self.told(false),
                Ok(Err(StoreError::Unreadable { what })) => {
                    tracing::error!(what, "an acknowledgement can't be written, and is dropped");
                }
                Err(TryRecvError::Empty) => self.written.lock().push((operation, answered)),
                Ok(Err(_)) | Err(TryRecvError::Closed) => {
                    self.told(true);
                    self.keep(operation);
                }
            }
        }
    }

    fn told(&self, kept_back: bool) {
        let before = std::mem::replace(&mut *self.kept_back.lock(), kept_back);
        match (before, kept_back) {
            (false, true) => tracing::warn!("acknowledgements are not written now; they are kept"),
            (true, false) => tracing::info!("acknowledgements are written again"),
            _ => {}
        }
    }
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
            self.relay.acknowledged.hold(who.device, number, held);
        }
        if acknowledge.store_revision > 0 {
            self.relay.acknowledged.note_revision(who.device, acknowledge.store_revision);
        }
        let inbox = acknowledge.inbox.min(self.inbox_sent);
        if inbox > 0 {
            self.relay.acknowledged.clear_inbox(who.device, inbox);
        }
    }
}

impl Relay {
    /// Hands in what was gathered, and once more what the store did not take in before.
    pub(crate) fn write_acknowledged(&self) {
        self.acknowledged.look();
        for operation in self.acknowledged.take() {
            let (answer, answered) = oneshot::channel();
            if self.hand_in(operation.clone(), Waiter::Ask(answer)).is_ok() {
                self.acknowledged.written.lock().push((operation, answered));
            } else {
                self.acknowledged.told(true);
                self.acknowledged.keep(operation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;
    use wickr_store::queue::Outcome;

    /// Takes everything and answers it so.
    fn write(acknowledged: &Acknowledged, answer: &Answer) -> Vec<Operation> {
        let operations = acknowledged.take();
        for operation in &operations {
            let (say, answered) = oneshot::channel();
            say.send(answer.clone()).unwrap();
            acknowledged.written.lock().push((operation.clone(), answered));
        }
        acknowledged.look();
        operations
    }

    #[test]
    fn what_a_full_store_did_not_take_in_is_handed_in_again_and_newer_counts() {
        let (acknowledged, device) = (Acknowledged::default(), DeviceId::random(&SeededRng::new(1)));
        acknowledged.note_revision(device, 7);
        acknowledged.hold(device, RoomNumber(1), Seq(3));
        acknowledged.clear_inbox(device, 2);
        let first = write(&acknowledged, &Err(StoreError::Full { free: 0, needed: 1 }));
        assert_eq!(first.len(), 3);
        acknowledged.hold(device, RoomNumber(1), Seq(5));
        let moved = Operation::MoveCursors(vec![CursorMove { device, room: RoomNumber(1), seq: Seq(5) }]);
        let again = write(&acknowledged, &Ok(Outcome::Done));
        assert_eq!(again, [first[0].clone(), moved, first[2].clone()]);
        assert_eq!(write(&acknowledged, &Ok(Outcome::Done)), []);
    }

    #[test]
    fn what_can_not_be_read_is_not_tried_for_ever() {
        let (acknowledged, device) = (Acknowledged::default(), DeviceId::random(&SeededRng::new(1)));
        acknowledged.clear_inbox(device, 2);
        write(&acknowledged, &Err(StoreError::Unreadable { what: "an inbox" }));
        assert_eq!(acknowledged.take(), []);
    }

    #[test]
    fn what_is_not_answered_yet_is_not_handed_in_twice() {
        let (acknowledged, device) = (Acknowledged::default(), DeviceId::random(&SeededRng::new(1)));
        acknowledged.clear_inbox(device, 2);
        let operation = acknowledged.take().remove(0);
        let (say, answered) = oneshot::channel();
        acknowledged.written.lock().push((operation.clone(), answered));
        acknowledged.look();
        assert_eq!(acknowledged.take(), []);
        drop(say);
        acknowledged.look();
        assert_eq!(acknowledged.take(), [operation]);
    }
}

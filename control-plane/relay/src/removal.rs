//! The hub has devices removed: a Remove proposal in each room, anew in each epoch until a commit carries it out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{interval, sleep};
use wickr_base::{MemberUri, MessageId, RoomId};
use wickr_store::queue::{Operation, StoreError};

use crate::handshake::{away, group_info, observe, proposed, room_state};
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::submit::Undone;
use crate::ticket::RoomChange;
use crate::trouble::Trouble;

/// Before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Rooms from which somebody may have to be removed; a room is in it once, however often it is named.
#[derive(Default)]
pub(crate) struct Removals {
    due: Mutex<HashSet<RoomId>>,
    added: Notify,
}

impl Removals {
    pub(crate) fn add(&self, room: RoomId) {
        self.due.lock().insert(room);
        self.added.notify_one();
    }

    fn take(&self) -> HashSet<RoomId> {
        std::mem::take(&mut *self.due.lock())
    }
}

/// Works off what is due, until it is dropped.
pub(crate) async fn propose(relay: Arc<Relay>) {
    let trouble = Trouble::new("proposing removals");
    while let Err(error) = relay.find_removals().await {
        trouble.failed(error);
        sleep(PAUSE).await;
    }
    let (mut again, mut timer) = (HashSet::new(), interval(PAUSE));
    loop {
        // Those that failed wait for the one timer; those that are added don't wait for them.
        tokio::select! {
            () = relay.removals.added.notified() => {}
            _ = timer.tick(), if !again.is_empty() => relay.removals.due.lock().extend(again.drain()),
        }
        for room in relay.removals.take() {
            match relay.propose_removals(&room).await {
                Ok(()) => trouble.over(),
                Err(refusal) => {
                    trouble.failed(refusal.cause());
                    if again.is_empty() {
                        timer.reset();
                    }
                    again.insert(room);
                }
            }
        }
    }
}

impl Relay {
    /// What was due when the relay ended.
    async fn find_removals(&self) -> Result<(), StoreError> {
        self.store.rooms_with_removals().await?.into_iter().for_each(|room| self.removals.add(room));
        Ok(())
    }

    async fn propose_removals(&self, id: &RoomId) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(&*self.store, id).await? else { return Ok(()) };
        loop {
            let _turn = room.handshake.lock().await;
            let due: Vec<MemberUri> = {
                let live = room.live.lock();
                let is_due = |uri: &&MemberUri| {
                    uri.device().is_some_and(|(_, device)| live.removals.contains(&device))
                };
                live.members.iter().filter(is_due).cloned().collect()
            };
            if due.is_empty() {
                return Ok(());
            }
            let (meta, state) = self.stand(&room).await?;
            let hub = self.hub()?;
            let made = away(move || {
                let observer = observe(&hub, &state)?;
                for uri in &due {
                    let proposal = observer.propose_remove(uri).map_err(|error| {
                        tracing::error!(%error, "a removal can't be made");
                        Refusal::internal("proposing a removal")
                    })?;
                    if let Some((next, proposal)) = proposal {
                        return Ok(Some((room_state(&next, group_info(&state))?, proposal)));
                    }
                }
                Ok(None)
            });
            // Nothing to propose: each is pending, or the group has lost the leaf already.
            let Some((state, proposal)) = made.await? else { return Ok(()) };
            let id = MessageId::random(&*self.rng);
            let handshake = proposed(&meta, None, id, proposal.into(), state, Vec::new());
            let change = RoomChange { next: handshake.next, joined: Vec::new(), left: Vec::new() };
            match self.ask_handshake(Operation::Handshake(Box::new(handshake)), &room, change).await {
                // The next one to remove, or this one anew.
                Ok(_) | Err(Undone::Conflict) => {}
                Err(Undone::Refused(refusal)) => return Err(refusal),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_named_again_and_again_is_due_once() {
        let removals = Removals::default();
        let room: RoomId = "hq.example/3f0c8d0e-6c1e-4b7a-9d5f-2a4b6c8d0e1f".parse().unwrap();
        for _ in 0..3 {
            removals.add(room.clone());
        }
        assert_eq!((removals.take().len(), removals.take().len()), (1, 0));
    }
}

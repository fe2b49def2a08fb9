//! The hub has devices removed: a Remove proposal in each room, anew in each epoch until a commit carries it out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use wickr_base::{MemberUri, MessageId, RoomId};
use wickr_store::queue::Operation;
use wickr_wire::ProblemCode;

use crate::handshake::{away, group_info, observe, proposed, room_state};
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::ticket::RoomChange;

/// Before a room is tried again after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Works off rooms from which somebody may have to be removed, until it is dropped.
pub(crate) async fn propose(relay: Arc<Relay>, mut rooms: mpsc::UnboundedReceiver<RoomId>) {
    match relay.store.rooms_with_removals().await {
        Ok(due) => due.into_iter().for_each(|room| drop(relay.removals.send(room))),
        Err(error) => tracing::error!(%error, "it is not known from which rooms devices are to be removed"),
    }
    while let Some(room) = rooms.recv().await {
        if let Err(refusal) = relay.propose_removals(&room).await {
            tracing::warn!(code = %refusal.code, "a removal could not be proposed; it is tried again");
            let again = relay.removals.clone();
            tokio::spawn(async move {
                tokio::time::sleep(PAUSE).await;
                drop(again.send(room));
            });
        }
    }
}

impl Relay {
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
                Err(refusal) if refusal.code != ProblemCode::Busy => return Err(refusal),
                _ => {}
            }
        }
    }
}

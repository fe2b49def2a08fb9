//! Asking the store for something rare, and waiting for the answer.

use std::sync::Arc;

use tokio::sync::oneshot;
use wickr_store::queue::{Operation, Outcome, Rejected, Sequenced, StoreError};

use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::Room;
use crate::ticket::{Answer, RoomChange, Ticket, Waiter};

impl Relay {
    /// Hands it in and waits until it is durable.
    pub(crate) async fn ask(&self, operation: Operation) -> Result<Outcome, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.hand_in(operation, Waiter::Ask(answer))?;
        wait(answered).await
    }

    /// The same for a handshake of a live room.
    pub(crate) async fn ask_handshake(
        &self,
        operation: Operation,
        room: &Arc<Room>,
        change: RoomChange,
    ) -> Result<Sequenced, Refusal> {
        let (answer, answered) = oneshot::channel();
        let waiter = Waiter::Handshake { room: Arc::clone(room), change: Box::new(change), answer };
        self.hand_in(operation, waiter)?;
        sequenced(wait(answered).await?)
    }

    pub(crate) fn hand_in(&self, operation: Operation, waiter: Waiter) -> Result<(), Refusal> {
        self.store.submit(operation, Ticket(waiter)).map_err(|Rejected { closed, .. }| {
            if closed { StoreError::Closed.into() } else { Refusal::busy() }
        })
    }
}

async fn wait(answered: oneshot::Receiver<Answer>) -> Result<Outcome, Refusal> {
    match answered.await.unwrap_or(Err(StoreError::Closed))? {
        Outcome::Refused(refused) => Err(refused.into()),
        outcome => Ok(outcome),
    }
}

pub(crate) fn sequenced(outcome: Outcome) -> Result<Sequenced, Refusal> {
    match outcome {
        Outcome::Sequenced(sequenced) => Ok(sequenced),
        _ => Err(Refusal::internal("sequencing")),
    }
}

//! Asking the store for something rare, and waiting for the answer.

use std::sync::Arc;

use tokio::sync::oneshot;
use wickr_store::queue::{Operation, Outcome, Refused, Rejected, Sequenced, StoreError};

use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::Room;
use crate::ticket::{Answer, RoomChange, Ticket, Waiter};

/// Why the store gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// It did not take the operation in.
    #[error("the store's writer has as much waiting as it may have")]
    Busy,
    /// It can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a handshake does not stand in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Another came between: to be judged again, at once.
    Conflict,
    /// Judging again would change nothing.
    Refused(Refusal),
}

impl Relay {
    /// Hands it in and waits until it is durable.
    pub(crate) async fn ask(&self, operation: Operation) -> Result<Outcome, Refusal> {
        match self.ask_store(operation).await? {
            Outcome::Refused(refused) => Err(refused.into()),
            outcome => Ok(outcome),
        }
    }

    /// The same with the store's own words.
    pub(crate) async fn ask_store(&self, operation: Operation) -> Result<Outcome, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(operation, Waiter::Ask(answer))?;
        wait(answered).await
    }

    /// The same for a handshake of a live room.
    pub(crate) async fn ask_handshake(
        &self,
        operation: Operation,
        room: &Arc<Room>,
        change: RoomChange,
    ) -> Result<Sequenced, Undone> {
        let (answer, answered) = oneshot::channel();
        let waiter = Waiter::Handshake { room: Arc::clone(room), change: Box::new(change), answer };
        let answered = async {
            self.hand_over(operation, waiter)?;
            wait(answered).await
        };
        match answered.await.map_err(|error| Undone::Refused(error.into()))? {
            Outcome::Refused(Refused::Conflict) => Err(Undone::Conflict),
            Outcome::Refused(refused) => Err(Undone::Refused(refused.into())),
            outcome => sequenced(outcome).map_err(Undone::Refused),
        }
    }

    pub(crate) fn hand_in(&self, operation: Operation, waiter: Waiter) -> Result<(), Refusal> {
        self.hand_over(operation, waiter).map_err(Refusal::from)
    }

    fn hand_over(&self, operation: Operation, waiter: Waiter) -> Result<(), Unanswered> {
        self.store.submit(operation, Ticket(waiter)).map_err(|Rejected { closed, .. }| {
            if closed { StoreError::Closed.into() } else { Unanswered::Busy }
        })
    }
}

async fn wait(answered: oneshot::Receiver<Answer>) -> Result<Outcome, Unanswered> {
    Ok(answered.await.unwrap_or(Err(StoreError::Closed))?)
}

pub(crate) fn sequenced(outcome: Outcome) -> Result<Sequenced, Refusal> {
    match outcome {
        Outcome::Sequenced(sequenced) => Ok(sequenced),
        _ => Err(Refusal::internal("sequencing")),
    }
}

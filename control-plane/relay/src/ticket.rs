//! What an operation is handed to the store with, so that its completion finds its way back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use wickr_base::MemberUri;
use wickr_store::queue::{Next, Outcome, StoreError};

use crate::outbox::Connection;
use crate::room::Room;

pub(crate) type Answer = Result<Outcome, StoreError>;

/// Comes back with the completion of an operation. What it holds is the relay's own business.
pub struct Ticket(pub(crate) Waiter);

/// Who waits for an operation.
pub(crate) enum Waiter {
    /// A device that sent a message.
    Message {
        connection: Arc<Connection>,
        request: u64,
        room: Arc<Room>,
        /// Monotonic time of the arrival.
        arrived: Duration,
    },
    /// Whoever submitted a handshake of a room that is live.
    Handshake { room: Arc<Room>, change: Box<RoomChange>, answer: oneshot::Sender<Answer> },
    /// Somebody in this process.
    Ask(oneshot::Sender<Answer>),
}

/// What becomes of the live room when the handshake is durable.
pub(crate) struct RoomChange {
    pub(crate) next: Next,
    pub(crate) joined: Vec<MemberUri>,
    pub(crate) left: Vec<MemberUri>,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket")
    }
}

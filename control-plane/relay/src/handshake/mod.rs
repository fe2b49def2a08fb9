//! Handshakes: each is judged against the room as it is, then written as one batch that compares before it sets.

mod commit;
mod create;
mod next_generation;
mod proposal;
mod size;
mod state;

pub(crate) use proposal::proposed;
pub(crate) use state::{away, group_info, observe, room_state};

use bytes::Bytes;
use wickr_base::MessageId;
use wickr_wire::{MAX_HANDSHAKE_BYTES, ProblemCode};

use crate::refusal::Refusal;

/// How often a handshake is judged because another came between.
const TRIES: usize = 3;

/// Each time another came between.
fn outrun() -> Refusal {
    Refusal::new(ProblemCode::Busy, "other handshakes of this room came first each time; submit it again")
}

/// The id that a submission came with.
fn submission(id: &Bytes) -> Result<MessageId, Refusal> {
    MessageId::from_slice(id).ok_or_else(|| Refusal::malformed("the submission's id (16 bytes)"))
}

/// Each part of a handshake has its bound.
fn check_sizes(parts: &[(&str, &Bytes)]) -> Result<(), Refusal> {
    for (what, bytes) in parts {
        if bytes.len() > MAX_HANDSHAKE_BYTES {
            return Err(Refusal::too_large(what, MAX_HANDSHAKE_BYTES));
        }
    }
    Ok(())
}

/// One Welcome serves all joiners.
fn at_most_one(welcomes: &[Bytes]) -> Result<Option<&Bytes>, Refusal> {
    match welcomes {
        [] => Ok(None),
        [welcome] => Ok(Some(welcome)),
        _ => Err(Refusal::malformed("more than one Welcome, where one serves all joiners,")),
    }
}

//! An application message: checked without opening it, handed to the writer. The answer comes when it is durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wickr_base::{Generation, MessageId, UnixMillis};
use wickr_e2ee::ApplicationHeader;
use wickr_store::queue::{Append, Operation};
use wickr_wire::content::{Kind, Outer};
use wickr_wire::relay::SendMessage;
use wickr_wire::{MAX_MESSAGE_BYTES, ProblemCode};

use crate::connection::Session;
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::ticket::Waiter;

/// Largest control message: it passes wherever any kind passes, so it must not carry a file.
const MAX_CONTROL_BYTES: usize = 16 * 1024;

impl Session {
    pub(crate) fn send_message(&mut self, request: u64, send: SendMessage, who: &Who) -> Result<(), Refusal> {
        let place = self.names.get(send.room.as_str()).and_then(|number| self.places.get(number));
        let room = &place.ok_or_else(|| Refusal::not_a_member(&send.room))?.room;
        let generation = Generation(send.generation);
        let checked = check(&send, &room.name, self.relay.now())?;
        room.live.lock().admit(who.device, &room.name, checked.epoch)?;
        self.relay.limits.message(&self.used, send.message.len(), self.relay.clock.elapsed())?;
        let append = Append {
            room: room.number,
            generation,
            epoch: checked.epoch,
            sender: who.device,
            id: checked.id,
            expires_at: checked.expires_at,
            body: send.message,
        };
        let waiter = Waiter::Message {
            connection: Arc::clone(&self.shared),
            request,
            room: Arc::clone(room),
            arrived: self.relay.clock.elapsed(),
        };
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        self.relay.hand_in(Operation::Append(append), waiter).inspect_err(|_| {
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        })
    }
}

/// What the relay may know of a message.
#[derive(Debug, PartialEq, Eq)]
struct Checked {
    epoch: u64,
    id: MessageId,
    expires_at: Option<UnixMillis>,
}

fn check(send: &SendMessage, room: &str, now: UnixMillis) -> Result<Checked, Refusal> {
    if send.message.len() > MAX_MESSAGE_BYTES {
        return Err(Refusal::too_large("a message", MAX_MESSAGE_BYTES));
    }
    let header = ApplicationHeader::parse(&send.message)?;
    if !is_group(header.group_id, room, send.generation) {
        return Err(Refusal::malformed("the message's group id, which is not that of the frame,"));
    }
    let outer: Outer = header.outer()?;
    if outer.kind == i32::from(Kind::Control) && send.message.len() > MAX_CONTROL_BYTES {
        return Err(Refusal::too_large("a control message", MAX_CONTROL_BYTES));
    }
    let id = MessageId::from_slice(&outer.message_id).ok_or_else(|| Refusal::malformed("the message id"))?;
    let expires_at = (outer.expires_at_ms != 0).then_some(UnixMillis(outer.expires_at_ms));
    if expires_at.is_some_and(|at| at <= now) {
        let detail = "the message has expired by the relay's time; send it with a later end";
        return Err(Refusal::new(ProblemCode::Expired, detail));
    }
    Ok(Checked { epoch: header.epoch, id, expires_at })
}

/// Whether the MLS group id is `<room>/<generation>`.
fn is_group(group_id: &[u8], room: &str, generation: u32) -> bool {
    let number = group_id.strip_prefix(room.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
    number.is_some_and(|digits| {
        std::str::from_utf8(digits).is_ok_and(|digits| digits.parse() == Ok(generation))
            && !digits.starts_with(b"+")
            && (digits == b"0" || !digits.starts_with(b"0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_id_is_room_and_generation_in_the_one_canonical_form() {
        let room = "hq.example/6d0b5f2e-9f0c-4a51-8f4c-7f2f0f5b7c11";
        let id = |end: &str| format!("{room}{end}").into_bytes();
        assert!(is_group(&id("/0"), room, 0));
        assert!(is_group(&id("/12"), room, 12));
        for end in ["", "/", "/1", "/00", "/+0", "/0/", "0"] {
            assert!(!is_group(&id(end), room, 0), "{end}");
        }
    }
}

//! Sending one message: kept first, then waited for.

use std::time::Duration;

use tokio::time::timeout;
use wickr_base::UnixMillis;
use wickr_sdk::{Client, Delivery, Error};
use wickr_wire::ProblemCode;

use super::{give, whole};
use crate::exit::Exit;
use crate::failure::{Failure, for_code};
use crate::outlet::Outlet;
use crate::request::Send;
use crate::room_name::{describe, find};
use crate::show::Answer;
use crate::show::answer::{SentLine, SentState};

pub(super) async fn send(client: &Client, send: Send, outlet: &mut Outlet) -> Result<(), Failure> {
    let wait = Duration::from_millis(send.wait_ms.unwrap_or(0));
    let mut room = find(client, &send.room);
    if room.is_err() {
        // It may be about to come in.
        let _ = timeout(wait, client.online()).await;
        room = find(client, &send.room);
    }
    let room = room?;
    let place = format!("room {}", describe(&room.id, room.name.as_deref()));
    let what = "the message was not sent";
    if send.expires_ms.is_some() {
        // An expiry counts by the relay's time; without a connection ever, this device's must do.
        let _ = timeout(wait, client.online()).await;
    }
    let expires =
        send.expires_ms.map_or(UnixMillis(0), |after| client.relay_now().plus(Duration::from_millis(after)));
    client.send(&room.id, send.id, &send.text, expires).map_err(|error| Failure::of(what, &place, &error))?;
    let line = |seq, state| Answer::Sent(SentLine { room: room.id.clone(), message: send.id, seq, state });
    if send.wait_ms.is_none() {
        return give(outlet, line(None, SentState::Kept)).await;
    }
    match timeout(wait, client.delivery(&room.id, send.id)).await {
        Ok(Ok(Delivery::Acknowledged { seq, .. })) => {
            give(outlet, line(Some(seq), SentState::Acknowledged)).await
        }
        Ok(Ok(Delivery::Refused { code, detail })) => {
            let (exit, next) = match ProblemCode::parse(&code) {
                Some(ProblemCode::OldStore) => for_code(ProblemCode::OldStore),
                _ => (Exit::Refused, "see why; it stays in \"wickr status\" and is not tried again"),
            };
            let mut failure = Failure::new(exit, what, &place, &detail, next);
            failure.code = Some(code);
            Err(failure)
        }
        Ok(Err(Error::SignedOut(why))) => {
            give(outlet, line(None, SentState::Kept)).await?;
            let next = "sign in again with \"wickr login ADDRESS\": then it is sent";
            Err(Failure::new(Exit::Kept, "the message is kept, not sent", &place, &why, next))
        }
        Ok(Err(error)) => Err(Failure::of(what, &place, &error)),
        Err(_) => {
            give(outlet, line(None, SentState::Kept)).await?;
            let why = whole::why_not_online(client);
            let next =
                "nothing: it is sent as soon as a wickr command has a connection; \"wickr status\" lists it";
            Err(Failure::new(Exit::Kept, "the message is kept, not yet acknowledged", &place, &why, next))
        }
    }
}

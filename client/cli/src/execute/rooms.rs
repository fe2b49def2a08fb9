//! The room commands.

use std::time::Duration;

use tokio::time::timeout;
use wickr_base::{Handle, RoomId};
use wickr_sdk::store::Membership;
use wickr_sdk::{Client, Error, RoomStatus};

use super::change::Change;
use super::{give, whole};
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::outlet::Outlet;
use crate::room_name::{describe, find};
use crate::show::Answer;
use crate::show::answer::{InvitedLine, Left, MemberLine, Members, RoomCreated, RoomLine, RoomState, Rooms};

pub(super) fn room_line(room: RoomStatus) -> RoomLine {
    RoomLine {
        room: room.id,
        name: room.name,
        membership: room.membership,
        people: room.people,
        devices: room.devices,
        repair: room.repair,
    }
}

fn label(room: &RoomStatus) -> String {
    format!("room {}", describe(&room.id, room.name.as_deref()))
}

/// The room, waiting for the connection when it is not known yet: it may be about to come in.
async fn find_patiently(client: &Client, text: &str, wait_ms: u64) -> Result<RoomStatus, Failure> {
    if let Ok(room) = find(client, text) {
        return Ok(room);
    }
    let _ = timeout(Duration::from_millis(wait_ms), client.online()).await;
    find(client, text)
}

pub(super) async fn create(
    client: &Client,
    name: String,
    wait_ms: u64,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    let mut begun = None;
    let work = async {
        let room = client.begin_room(&name).await?;
        client.finish_room(begun.insert(room)).await
    };
    let done = timeout(Duration::from_millis(wait_ms), work).await.ok();
    // Begun and not refused, it comes about whatever became of the waiting.
    let kept = begun.filter(|room| {
        let known = client.room(room).ok().flatten();
        known.is_some_and(|known| known.membership != Membership::Gone)
    });
    let (answer, failure) = created(&name, kept, done, &whole::why_not_online(client));
    if let Some(answer) = answer {
        give(outlet, Answer::RoomCreated(answer)).await?;
    }
    failure.map_or(Ok(()), Err)
}

/// What to say of a room: `kept` is its id once it stands on this device, `done` how the waiting ended, if it did.
fn created(
    name: &str,
    kept: Option<RoomId>,
    done: Option<Result<(), Error>>,
    why_not_online: &str,
) -> (Option<RoomCreated>, Option<Failure>) {
    let line = |room, state| Some(RoomCreated { room, name: name.to_owned(), state });
    match (kept, done) {
        (Some(room), Some(Ok(()))) => (line(room, RoomState::Made), None),
        (Some(room), unfinished) => {
            let why = match unfinished {
                Some(Err(error)) => chain(&error),
                _ => why_not_online.to_owned(),
            };
            let place = format!("room {}", describe(&room, Some(name)));
            let next = "nothing: it is made as soon as a wickr command has a connection; \"wickr room list\" shows it";
            let failure = Failure::new(Exit::Kept, "the room is kept, not made yet", &place, &why, next);
            (line(room, RoomState::Kept), Some(failure))
        }
        (None, Some(Err(error))) => {
            (None, Some(Failure::of("no room was made", &format!("room \"{name}\""), &error)))
        }
        (None, _) => {
            (None, Some(Failure::late("no room was made", &format!("room \"{name}\""), why_not_online)))
        }
    }
}

pub(super) async fn invite(
    client: &Client,
    room: &str,
    handle: &Handle,
    wait_ms: u64,
) -> Result<Answer, Failure> {
    let room = find_patiently(client, room, wait_ms).await?;
    let change = Change {
        not_done: format!("{handle} was not asked in"),
        unknown: format!("it is not known yet whether {handle} was asked in"),
        next: "see \"wickr room members ROOM\"; asking in again does no harm",
    };
    let invitation = change.within(client, wait_ms, &label(&room), client.invite(&room.id, handle)).await?;
    Ok(Answer::Invited(InvitedLine {
        room: room.id,
        user: invitation.user,
        handle: invitation.handle,
        added: invitation.added,
        without_key_package: invitation.without,
    }))
}

pub(super) fn list(client: &Client) -> Result<Answer, Failure> {
    let rooms =
        client.rooms().map_err(|error| Failure::of("the rooms can't be listed", "the store", &error))?;
    Ok(Answer::Rooms(Rooms { rooms: rooms.into_iter().map(room_line).collect() }))
}

pub(super) async fn members(client: &Client, room: &str, wait_ms: u64) -> Result<Answer, Failure> {
    let room = find_patiently(client, room, wait_ms).await?;
    // Handles that are not known yet are worth a question, but not a failure.
    let _ = timeout(Duration::from_millis(wait_ms), client.learn_handles()).await;
    let members = client
        .members(&room.id)
        .map_err(|error| Failure::of("the members can't be listed", &label(&room), &error))?
        .into_iter()
        .map(|member| MemberLine {
            user: member.user,
            handle: member.handle,
            devices: member.devices,
            leaving: member.leaving,
        })
        .collect();
    Ok(Answer::Members(Members { room: room.id, members }))
}

pub(super) async fn leave(client: &Client, room: &str, wait_ms: u64) -> Result<Answer, Failure> {
    let room = find_patiently(client, room, wait_ms).await?;
    let change = Change {
        not_done: "the room was not left".to_owned(),
        unknown: "it is not known yet whether the room was left".to_owned(),
        next: "see \"wickr room list\"; leaving again does no harm",
    };
    change.within(client, wait_ms, &label(&room), client.leave(&room.id)).await?;
    // Mostly another device commits it in a moment; worth a short wait, not a failure.
    let done = timeout(Duration::from_millis(wait_ms.min(5_000)), gone(client, &room.id)).await.is_ok();
    Ok(Answer::Left(Left { room: room.id, done }))
}

async fn gone(client: &Client, room: &RoomId) {
    let mut changes = client.changes();
    loop {
        changes.borrow_and_update();
        let rooms = client.rooms().unwrap_or_default();
        if rooms.iter().any(|known| known.id == *room && known.membership == Membership::Gone) {
            return;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn id() -> RoomId {
        RoomId::random("hq.example".parse().unwrap(), &SeededRng::new(1))
    }

    #[test]
    fn a_room_that_was_begun_is_never_said_not_to_be_made() {
        for done in [None, Some(Err(Error::SignedOut("the session was ended".to_owned())))] {
            let (answer, failure) = created("ops", Some(id()), done, "the relay has not answered yet");
            assert_eq!(answer.unwrap().state, RoomState::Kept);
            let failure = failure.unwrap();
            assert_eq!(failure.exit, Exit::Kept);
            let text = failure.to_string();
            for part in ["kept, not made yet", &id().to_string(), "as soon as", "wickr room list"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }

    #[test]
    fn without_a_connection_no_room_is_begun_and_that_is_said() {
        let (answer, failure) = created("ops", None, None, "there is no connection");
        let failure = failure.unwrap();
        assert_eq!((answer, failure.exit), (None, Exit::Unreachable));
        assert!(failure.to_string().contains("no room was made"));
    }
}

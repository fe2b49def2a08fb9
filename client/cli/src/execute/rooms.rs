//! The room commands.

use std::time::Duration;

use tokio::time::timeout;
use wickr_base::{Handle, RoomId};
use wickr_sdk::store::Membership;
use wickr_sdk::{Client, RoomStatus};

use super::within;
use crate::failure::Failure;
use crate::room_name::{describe, find};
use crate::show::Answer;
use crate::show::answer::{InvitedLine, Left, MemberLine, Members, RoomCreated, RoomLine, Rooms};

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

pub(super) async fn create(client: &Client, name: String, wait_ms: u64) -> Result<Answer, Failure> {
    let place = format!("room \"{name}\"");
    let room = within(client, wait_ms, "no room was made", &place, client.create_room(&name)).await?;
    Ok(Answer::RoomCreated(RoomCreated { room, name }))
}

pub(super) async fn invite(
    client: &Client,
    room: &str,
    handle: &Handle,
    wait_ms: u64,
) -> Result<Answer, Failure> {
    let room = find_patiently(client, room, wait_ms).await?;
    let what = format!("{handle} was not asked in");
    let work = client.invite(&room.id, handle);
    let invitation = within(client, wait_ms, &what, &label(&room), work).await?;
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
    within(client, wait_ms, "the room was not left", &label(&room), client.leave(&room.id)).await?;
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

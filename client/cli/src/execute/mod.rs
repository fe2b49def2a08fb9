//! Doing what is asked with an open profile; the same code for the owner's own command and for those that go through it.

mod change;
mod read;
mod rooms;
mod send;
mod whole;

use wickr_sdk::Client;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::request::Request;
use crate::show::Answer;

/// Does it; each answer has been shown when the next one is made.
pub(crate) async fn execute(client: &Client, request: Request, outlet: &mut Outlet) -> Result<(), Failure> {
    let answer = match request {
        Request::Whoami => whole::whoami(client)?,
        Request::Devices => whole::devices(client).await?,
        Request::Revoke { device } => whole::revoke(client, device).await?,
        Request::Status { wait_ms } => whole::status(client, wait_ms).await?,
        Request::RoomCreate { name, wait_ms } => return rooms::create(client, name, wait_ms, outlet).await,
        Request::RoomInvite { room, handle, wait_ms } => {
            rooms::invite(client, &room, &handle, wait_ms).await?
        }
        Request::RoomList => rooms::list(client)?,
        Request::RoomMembers { room, wait_ms } => rooms::members(client, &room, wait_ms).await?,
        Request::RoomLeave { room, wait_ms } => rooms::leave(client, &room, wait_ms).await?,
        Request::Send(send) => return send::send(client, send, outlet).await,
        Request::Read(read) => return read::read(client, read, outlet).await,
    };
    give(outlet, answer).await
}

async fn give(outlet: &mut Outlet, answer: Answer) -> Result<(), Failure> {
    outlet.give(answer).await.map_err(|error| {
        let next = "see where the output goes";
        Failure::new(
            Exit::Failed,
            "the answer could not be shown",
            "standard output",
            &error.to_string(),
            next,
        )
    })
}

//! The owner of a profile deals with the requests of other commands, as long as its own command goes on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wickr_sdk::Client;

use crate::execute::execute;
use crate::outlet::Outlet;
use crate::request::{Line, Request};
use crate::socket::{self, Lines};

/// Serves until `stop`; then takes no more requests, hands endless ones over and finishes the others.
pub(crate) async fn serve(
    listener: UnixListener,
    profile: Arc<PathBuf>,
    client: Client,
    mut stop: watch::Receiver<bool>,
) {
    let mut peers = JoinSet::new();
    let for_peers = stop.clone();
    loop {
        select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                if socket::is_same_person(&stream, &profile) {
                    peers.spawn(peer(stream, client.clone(), for_peers.clone()));
                }
            }
            Some(_) = peers.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // From here on nobody finds the socket, so nobody waits for an owner that is ending.
    drop(listener);
    let _ = std::fs::remove_file(profile.join("socket"));
    while peers.join_next().await.is_some() {}
}

async fn peer(stream: UnixStream, client: Client, stop: watch::Receiver<bool>) {
    if let Err(error) = answer(stream, client, stop).await {
        tracing::debug!(%error, "the other command has gone");
    }
}

async fn answer(stream: UnixStream, client: Client, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    let request: Request = select! {
        read = lines.read() => match read? {
            Some(request) => request,
            None => return Ok(()),
        },
        // Not accepted: whoever asked asks somebody else.
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    lines.write(&Line::Accepted).await?;
    let endless = request.is_endless();
    let mut outlet = Outlet::Peer(lines);
    let outcome = if endless {
        select! {
            outcome = execute(&client, request, &mut outlet) => Some(outcome),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    } else {
        Some(execute(&client, request, &mut outlet).await)
    };
    let Outlet::Peer(mut lines) = outlet else { return Ok(()) };
    let last = match outcome {
        Some(Ok(())) => Line::Done,
        Some(Err(failure)) => Line::Failed(failure),
        None => Line::Handover,
    };
    lines.write(&last).await
}

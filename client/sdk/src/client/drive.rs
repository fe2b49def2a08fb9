//! What keeps a client going: connect, take in, send out, look after; and again after each loss, with growing delays.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Acknowledge, Challenge, RoomState, client_frame, relay_frame};

use super::agenda::Task;
use super::commit::{Outcome, Wanted};
use super::core::Core;
use super::credentials::why;
use super::status::Connection;
use crate::Error;
use crate::net::{DialError, Incoming, Link, LinkError, Opened};
use crate::network::FetchAnew;
use crate::store::Membership;

/// Runs until told to stop, or until only a new sign-in helps.
pub(super) async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    // An unreadable store is told by the first thing that is asked of it.
    if let Ok(Some(why)) = core.store.old() {
        core.set_connection(Connection::OldStore { why }, None);
        return;
    }
    let mut failures = 0;
    loop {
        let mut was_online = false;
        let ended = select! {
            ended = session(&core, &mut was_online) => ended,
            _ = stop.wait_for(|stop| *stop) => {
                core.set_connection(Connection::Offline { why: "the program ends".to_owned() }, None);
                return;
            }
        };
        let Err(error) = ended;
        // Another process with a copy of this profile takes the connection away: no reason to hurry back.
        if was_online && !is_taken_over(&error) {
            failures = 0;
        }
        if let Err(error) = core.forget_token_if_refused(&error) {
            tracing::warn!("{}", why(&error));
        }
        if let Some(last) = is_final(&error) {
            core.set_connection(last, None);
            return;
        }
        let delay = core.environment.timings.reconnect(failures, &*core.environment.rng);
        failures = failures.saturating_add(1);
        tracing::info!(delay_ms = delay.as_millis(), "not connected: {}", why(&error));
        core.set_connection(Connection::Offline { why: why(&error) }, None);
        select! {
            () = sleep(delay) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn is_taken_over(error: &Error) -> bool {
    error.code() == Some(ProblemCode::AlreadyExists)
}

/// What no reconnect will change.
fn is_final(error: &Error) -> Option<Connection> {
    match error {
        Error::SignedOut(why) => Some(Connection::SignedOut { why: why.clone() }),
        Error::OldStore(why) => Some(Connection::OldStore { why: why.clone() }),
        Error::Relay(link) if link.code() == Some(ProblemCode::DeviceRevoked) => {
            Some(Connection::SignedOut { why: link.to_string() })
        }
        _ => None,
    }
}

/// One connection from its opening to its end.
async fn session(core: &Arc<Core>, was_online: &mut bool) -> Result<std::convert::Infallible, Error> {
    let believed = core.renew_document(FetchAnew::Expired).await?;
    let opened = match Link::open(believed.relay(), believed.trust(), &core.environment).await {
        // Whoever was away while the issuer of its certificate was replaced learns of that by the pin alone.
        Err(refused @ LinkError::Dial(DialError::Handshake { .. })) => {
            match core.renew_document(FetchAnew::Always).await {
                Ok(fresh) if fresh.document().number > believed.document().number => {
                    Link::open(fresh.relay(), fresh.trust(), &core.environment).await?
                }
                Ok(_) | Err(_) => return Err(refused.into()),
            }
        }
        opened => opened?,
    };
    let Opened { challenge, link, mut incoming } = opened;
    if challenge.document > core.believed().document().number {
        core.renew_document(FetchAnew::OlderThan(challenge.document)).await?;
    }
    // The relay takes no certificate whose issuer has gone while this device was away.
    if !core.is_certified() {
        core.renew_certificate().await?;
    }
    core.authenticate(&link, &challenge).await?;
    // Before anybody can be told that this device is here, there is something to add it with.
    core.publish_key_packages(&link).await?;
    let unknown = core.resume(&link, &challenge).await?;
    core.set_connection(Connection::CatchingUp, None);
    let (ready, caught_up) = oneshot::channel();
    select! {
        ended = take_in(core, &link, &mut incoming, &unknown, ready) => ended,
        ended = send_out(core, &link, caught_up, was_online) => ended,
        ended = keep_token(core, &link, &challenge) => ended,
    }
}

async fn take_in(
    core: &Arc<Core>,
    link: &Link,
    incoming: &mut Incoming,
    unknown: &[RoomState],
    ready: oneshot::Sender<()>,
) -> Result<std::convert::Infallible, Error> {
    let mut ready = Some(ready);
    while let Some(frame) = incoming.recv().await {
        match frame {
            relay_frame::Body::Deliver(deliver) => {
                if let Some(cursor) = core.take_in(&deliver)? {
                    let inbox = core.store.place()?.map_or(0, |place| place.inbox);
                    let store_revision = core.store.revision()?;
                    let done = Acknowledge { cursors: vec![cursor], inbox, store_revision };
                    link.tell(client_frame::Body::Acknowledge(done)).await?;
                }
            }
            relay_frame::Body::Inbox(inbox) => core.take_inbox(link, &inbox).await?,
            relay_frame::Body::CaughtUp(_) => {
                core.caught_up(unknown)?;
                if let Some(ready) = ready.take() {
                    let _ = ready.send(());
                }
            }
            relay_frame::Body::Goodbye(goodbye) => return Err(LinkError::Goodbye(goodbye).into()),
            relay_frame::Body::DocumentChanged(changed) => {
                let held = core.believed();
                let fresh = core.renew_document(FetchAnew::OlderThan(changed.number)).await?;
                if fresh.relay() != held.relay() {
                    return Err(Error::Protocol("word that it has moved to another address"));
                }
            }
            relay_frame::Body::Challenge(_) => return Err(Error::Protocol("a second challenge")),
            // Answered where it was asked.
            relay_frame::Body::Reply(_) => {}
        }
    }
    Err(LinkError::Lost.into())
}

async fn send_out(
    core: &Arc<Core>,
    link: &Link,
    caught_up: oneshot::Receiver<()>,
    was_online: &mut bool,
) -> Result<std::convert::Infallible, Error> {
    caught_up.await.map_err(|_| LinkError::Lost)?;
    for room in core.store.rooms()?.into_iter().filter(|room| room.membership == Membership::Creating) {
        match core.announce_room(link, &room.id).await {
            Ok(()) | Err(Error::Relay(LinkError::Refused(_))) => {}
            Err(error) => return Err(error),
        }
    }
    *was_online = true;
    core.set_connection(Connection::Online, Some(link.clone()));
    // Sending must not wait for upkeep, nor either of them for tasks that race with other devices.
    let ended = select! {
        ended = send_messages(core, link) => ended,
        ended = work_off(core, link) => ended,
        ended = upkeep(core, link) => ended,
        ended = meet_strangers(core) => ended,
    };
    ended
}

async fn send_messages(core: &Arc<Core>, link: &Link) -> Result<std::convert::Infallible, Error> {
    let mut changes = core.changes();
    loop {
        changes.borrow_and_update();
        let again = core.send_waiting(link).await?;
        if again {
            // What holds a message up mostly shows as a change; the delay is for what does not.
            select! {
                _ = changes.changed() => {}
                () = sleep(core.environment.timings.race.most) => {}
            }
        } else {
            let _ = changes.changed().await;
        }
    }
}

async fn upkeep(core: &Arc<Core>, link: &Link) -> Result<std::convert::Infallible, Error> {
    loop {
        core.look_after(link).await;
        sleep(core.environment.timings.upkeep).await;
    }
}

async fn meet_strangers(core: &Arc<Core>) -> Result<std::convert::Infallible, Error> {
    loop {
        core.strangers.notified().await;
        // Not learned now, it is asked again at the next upkeep.
        if let Err(error) = core.learn_handles().await {
            tracing::info!("looking handles up: {}", why(&error));
        }
    }
}

async fn work_off(core: &Arc<Core>, link: &Link) -> Result<std::convert::Infallible, Error> {
    loop {
        let now = core.environment.clock.elapsed();
        let due = core.agenda.lock().take_due(now);
        for (room, task) in due {
            let outcome = match task {
                // What a room in need of repair owes is of its old group.
                Task::Proposals => core.commit_now(&room, &Wanted::Proposals).await.map(drop),
                Task::Path => core.commit_now(&room, &Wanted::Path).await.map(drop),
                Task::Repair => core.repair(link, &room).await,
            };
            finish(core, link, &room, task, outcome)?;
        }
        let wanted = std::mem::take(&mut *core.wanted.lock());
        for (room, wanted) in wanted {
            match core.commit_now(&room, &wanted).await {
                Ok(Outcome::Settled { .. }) => {}
                // `adopt` wakes this loop.
                Ok(Outcome::NotUsable { .. }) => core.wanted.lock().push((room, wanted)),
                Err(error) => {
                    let text = format!("a change to the room failed: {}", why(&error));
                    core.notice(Some(&room), None, text)?;
                }
            }
        }
        let next = core.agenda.lock().next(core.environment.clock.elapsed());
        select! {
            () = sleep(next.unwrap_or(Duration::from_hours(1))) => {}
            () = core.work.notified() => {}
        }
    }
}

fn finish(
    core: &Arc<Core>,
    link: &Link,
    room: &wickr_base::RoomId,
    task: Task,
    outcome: Result<(), Error>,
) -> Result<(), Error> {
    let environment = &core.environment;
    let again = |core: &Core| {
        let now = environment.clock.elapsed();
        core.agenda.lock().again(room, task, now, &environment.timings, &*environment.rng);
    };
    match outcome {
        Ok(()) => {
            // A repair is done when the new group is there, by whomever.
            let still = task == Task::Repair && core.room(room)?.repair.is_some();
            if still {
                again(core);
            } else {
                core.agenda.lock().settle(room, task);
            }
            Ok(())
        }
        Err(Error::SignedOut(why)) => Err(Error::SignedOut(why)),
        Err(error) if !link.is_open() => Err(error),
        Err(Error::NotAMember(_) | Error::NoSuchRoom(_)) => {
            core.agenda.lock().settle(room, task);
            Ok(())
        }
        Err(error) => {
            tracing::info!(%room, ?task, "not done: {}", why(&error));
            again(core);
            Ok(())
        }
    }
}

/// Renews the session token before it ends and shows the new one on the open connection.
async fn keep_token(
    core: &Arc<Core>,
    link: &Link,
    challenge: &Challenge,
) -> Result<std::convert::Infallible, Error> {
    loop {
        let least = Duration::from_secs(1);
        sleep(core.token_lasts()?.max(least)).await;
        let before = core.store.session()?.map(|session| session.expires);
        core.token().await?;
        if core.store.session()?.map(|session| session.expires) == before {
            // sso can't be reached; the relay bears with the old token as long as it lives.
            sleep(core.environment.timings.answer).await;
        } else {
            core.authenticate(link, challenge).await?;
        }
    }
}

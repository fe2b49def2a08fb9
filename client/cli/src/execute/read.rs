//! Reading: history, what is new, and what comes; a message counts as read once it was shown.

use std::time::Duration;

use tokio::select;
use tokio::time::timeout;
use wickr_base::{Handle, MessageId, RoomId};
use wickr_sdk::store::Message;
use wickr_sdk::{Client, Connection, Error};

use super::{give, whole};
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::request::Read;
use crate::room_name::find;
use crate::show::Answer;
use crate::show::answer::MessageLine;

/// Messages taken from the store at a time.
const BATCH: usize = 200;

/// How long to wait for the handle of a sender who is not known yet.
const STRANGER: Duration = Duration::from_secs(2);

const DEFAULT_LAST: usize = 100;

pub(super) async fn read(client: &Client, read: Read, outlet: &mut Outlet) -> Result<(), Failure> {
    if !read.offline && !read.follow {
        match timeout(Duration::from_millis(read.wait_ms), client.online()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failure = Failure::of("no connection", "this device", &error);
                note(outlet, &format!("only what is here already: {}; {}", failure.why, failure.next))
                    .await?;
            }
            Err(_) => {
                note(outlet, &format!("only what is here already: {}", whole::why_not_online(client)))
                    .await?;
            }
        }
    }
    let room = match &read.room {
        Some(text) => Some(find_room(client, text, &read).await?),
        None => None,
    };
    let reading =
        Reading { client, room: room.as_ref(), left: read.limit, shown: read.shown, cut_off: false };
    reading.run(&read, outlet).await
}

async fn find_room(client: &Client, text: &str, read: &Read) -> Result<RoomId, Failure> {
    if let Ok(room) = find(client, text) {
        return Ok(room.id);
    }
    if !read.offline {
        let _ = timeout(Duration::from_millis(read.wait_ms), client.online()).await;
    }
    find(client, text).map(|room| room.id)
}

async fn note(outlet: &mut Outlet, text: &str) -> Result<(), Failure> {
    give(outlet, Answer::Note(text.to_owned())).await
}

struct Reading<'a> {
    client: &'a Client,
    room: Option<&'a RoomId>,
    left: Option<usize>,
    shown: Option<MessageId>,
    /// Whether the person was told that nothing comes for want of a connection.
    cut_off: bool,
}

fn unreadable(error: &Error) -> Failure {
    Failure::of("the messages can't be read", "the store", error)
}

impl Reading<'_> {
    async fn run(mut self, read: &Read, outlet: &mut Outlet) -> Result<(), Failure> {
        let only_new = read.new || (read.follow && read.last.is_none());
        let mut place = if only_new {
            self.client.given(self.room).map_err(|error| unreadable(&error))?
        } else {
            let limit = read.last.unwrap_or(DEFAULT_LAST);
            let messages = self.client.history(self.room, limit).map_err(|error| unreadable(&error))?;
            let newest = self.client.history(None, 1).map_err(|error| unreadable(&error))?;
            let mut place = newest.last().map_or(0, |message| message.place);
            for message in messages {
                place = place.max(message.place);
                if !self.show(message, outlet).await? {
                    return Ok(());
                }
            }
            place
        };
        let mut changes = self.client.changes();
        loop {
            changes.borrow_and_update();
            let batch = self.client.after(self.room, place, BATCH).map_err(|error| unreadable(&error))?;
            let more = batch.len() == BATCH;
            for message in batch {
                place = message.place;
                if !self.show(message, outlet).await? {
                    return Ok(());
                }
            }
            if more {
                continue;
            }
            if !read.follow {
                return Ok(());
            }
            self.watch_connection(outlet).await?;
            select! {
                _ = changes.changed() => {}
                () = outlet.gone() => return Ok(()),
            }
        }
    }

    /// Silence must not look like peace: says when the connection is gone and when it is back, and ends where none will
    /// come again.
    async fn watch_connection(&mut self, outlet: &mut Outlet) -> Result<(), Failure> {
        let ended = |error| Err(Failure::of("no more messages come", "this device", &error));
        match self.client.connection() {
            Connection::SignedOut { why } => ended(Error::SignedOut(why)),
            Connection::OldStore { why } => ended(Error::OldStore(why)),
            Connection::Offline { why } if !self.cut_off => {
                self.cut_off = true;
                note(outlet, &format!("waiting for a connection: {why}")).await
            }
            Connection::Online if self.cut_off => {
                self.cut_off = false;
                note(outlet, "connected again").await
            }
            _ => Ok(()),
        }
    }

    /// Shows one and marks it; false when that was the last one wanted.
    async fn show(&mut self, message: Message, outlet: &mut Outlet) -> Result<bool, Failure> {
        if self.left == Some(0) {
            return Ok(false);
        }
        let place = message.place;
        if self.shown == Some(message.id) {
            self.client.mark_given(self.room, place).map_err(|error| unreadable(&error))?;
            return Ok(true);
        }
        let room = self.client.room(&message.room).map_err(|error| unreadable(&error))?;
        let room_name = room.and_then(|room| room.name);
        let handle = self.handle(&message).await?;
        give(
            outlet,
            Answer::Message(MessageLine {
                room: message.room,
                room_name,
                seq: message.seq,
                time: message.time,
                sender: handle.map_or_else(|| message.sender.to_string(), |handle| handle.to_string()),
                uri: message.sender,
                mine: message.mine,
                text: message.text,
                message: message.id,
            }),
        )
        .await?;
        self.client.mark_given(self.room, place).map_err(|error| unreadable(&error))?;
        self.left = self.left.map(|left| left - 1);
        Ok(self.left != Some(0))
    }

    /// The sender's handle; a person never met before is worth a short wait for the directory.
    async fn handle(&self, message: &Message) -> Result<Option<Handle>, Failure> {
        let Some((user, _)) = message.sender.device() else { return Ok(None) };
        let known = || self.client.handle(user).map_err(|error| unreadable(&error));
        if let Some(handle) = known()? {
            return Ok(Some(handle));
        }
        let _ = timeout(STRANGER, self.client.learn_handle(user)).await;
        known()
    }
}

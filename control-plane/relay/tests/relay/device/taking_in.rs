//! What a device makes of what the relay sends: entries in order, Welcomes, and what it says it holds.

use std::collections::VecDeque;

use wickr_base::{Generation, GroupId, MessageId, RoomId, UnixMillis};
use wickr_e2ee::Event;
use wickr_wire::relay::{
    Acknowledge, Cursor, Entry, FetchTree, InboxEntry, client_frame, entry, relay_frame, reply,
};

use super::{Device, Seen};

impl Device {
    pub(crate) async fn acknowledge(&mut self) {
        let cursors =
            self.cursors.iter().map(|(room, seq)| Cursor { room: room.to_string(), seq: *seq }).collect();
        self.revision += 1;
        let acknowledge = Acknowledge { cursors, inbox: self.inbox, store_revision: self.revision };
        self.ask(client_frame::Body::Acknowledge(acknowledge)).await.unwrap();
    }

    /// The next delivery of that room; frames about other things are kept for later.
    pub(crate) async fn next_entries(&mut self, room: &RoomId) -> Vec<Entry> {
        let mut kept = VecDeque::new();
        let found = loop {
            match self.receive().await {
                Some(relay_frame::Body::Deliver(deliver)) if deliver.room == room.to_string() => {
                    break deliver.entries;
                }
                Some(other) => kept.push_back(other),
                None => panic!("the connection ended; before: {kept:?}"),
            }
        };
        kept.append(&mut self.pending);
        self.pending = kept;
        found
    }

    /// Takes deliveries of the room in until its cursor is there. Checks that no entry is missing or comes twice.
    pub(crate) async fn take_in_until(&mut self, room: &RoomId, seq: u64) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.cursors.get(room).copied().unwrap_or(0) < seq {
            for entry in self.next_entries(room).await {
                seen.push(self.take_in(room, entry));
            }
        }
        seen
    }

    pub(crate) fn take_in(&mut self, room: &RoomId, entry: Entry) -> Seen {
        let cursor = self.cursors.entry(room.clone()).or_insert(0);
        assert_eq!(entry.seq, *cursor + 1, "no entry is missing and none comes twice");
        *cursor = entry.seq;
        let at = UnixMillis(entry.time_ms);
        match entry.body.unwrap() {
            entry::Body::Application(message) => match self.room(room).process(&message, at).unwrap() {
                Event::Message { plaintext, .. } => {
                    Seen::Text(String::from_utf8(plaintext.expose().clone()).unwrap())
                }
                other => panic!("{other:?}"),
            },
            entry::Body::Own(own) => Seen::Own(MessageId::from_slice(&own.message_id).unwrap()),
            entry::Body::Commit(commit) => match self.room(room).process(&commit.commit, at).unwrap() {
                Event::Committed(committed) => Seen::Committed { own: committed.own },
                Event::Removed { .. } => Seen::Removed,
                other => panic!("{other:?}"),
            },
            entry::Body::Proposal(proposal) => match self.room(room).process(&proposal, at).unwrap() {
                Event::RemovalProposed(_) => Seen::RemovalProposed,
                other => panic!("{other:?}"),
            },
            entry::Body::Expired(expired) => {
                self.cursors.insert(room.clone(), expired.through);
                Seen::Expired { through: expired.through }
            }
            entry::Body::GenerationStarted(_) => Seen::Started,
        }
    }

    /// The next Welcome; it comes before anything of its room.
    pub(crate) async fn next_welcome(&mut self) -> InboxEntry {
        let mut kept = VecDeque::new();
        let entry = loop {
            match self.receive().await {
                Some(relay_frame::Body::Inbox(mut inbox)) => {
                    let entry = inbox.entries.remove(0);
                    if !inbox.entries.is_empty() {
                        self.pending.push_front(relay_frame::Body::Inbox(inbox));
                    }
                    break entry;
                }
                Some(other) => kept.push_back(other),
                None => panic!("the connection ended; before: {kept:?}"),
            }
        };
        let early = kept
            .iter()
            .any(|frame| matches!(frame, relay_frame::Body::Deliver(deliver) if deliver.room == entry.room));
        assert!(!early, "the Welcome comes before the entries of its room");
        kept.append(&mut self.pending);
        self.pending = kept;
        self.inbox = entry.number;
        entry
    }

    /// Joins the room of the next Welcome, which must be this one.
    pub(crate) async fn join(&mut self, room: &RoomId) {
        let entry = self.next_welcome().await;
        assert_eq!(entry.room, room.to_string());
        let fetch = FetchTree { room: entry.room, generation: entry.generation, epoch: entry.epoch };
        let tree = match self.ask(client_frame::Body::FetchTree(fetch)).await.unwrap() {
            reply::Outcome::Tree(tree) => tree.tree,
            other => panic!("{other:?}"),
        };
        let joined = self.engine.join(&entry.welcome, &tree, &self.store).unwrap();
        let expected = GroupId { room: room.clone(), generation: Generation(entry.generation) };
        assert_eq!(joined.group(), &expected);
        self.rooms.insert(room.clone(), joined);
        let cursor = self.cursors.entry(room.clone()).or_insert(0);
        *cursor = entry.seq.max(*cursor);
    }
}

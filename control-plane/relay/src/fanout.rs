//! Told by the store's writer what has become durable: answers senders, changes live rooms, fills outboxes.
//!
//! Runs in the writer's thread between two batches, so it never waits: what it can't hand over, a connection reads
//! from the log. Entries of one room in one batch go out as one frame, encoded once and shared by all who get it;
//! only those who sent some of them get a frame of their own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use wickr_base::{Clock, DeviceId};
use wickr_store::queue::{
    Append, BatchReport, Completed, EntryKind, Handshake, Operation, Outcome, Place, RoomNumber, Sink,
};

use crate::frames::{self, Body, Item};
use crate::live::Live;
use crate::meters::Meters;
use crate::outbox::{Connection, Outgoing};
use crate::refusal::Refusal;
use crate::room::{Room, devices};
use crate::ticket::{Answer, RoomChange, Ticket, Waiter};

/// What one room got in one batch, in order.
type Messages = Vec<(Place, Append)>;

pub(crate) struct Fanout {
    live: Arc<Live>,
    meters: Meters,
    clock: Arc<dyn Clock>,
    /// Messages of this batch that are not handed over yet, by room.
    rooms: HashMap<RoomNumber, (Arc<Room>, Messages)>,
    /// Connections to be woken when all is handed over.
    wake: Vec<Arc<Connection>>,
}

impl Fanout {
    pub(crate) fn new(live: Arc<Live>, meters: Meters, clock: Arc<dyn Clock>) -> Self {
        Self { live, meters, clock, rooms: HashMap::new(), wake: Vec::new() }
    }
}

impl Sink<Ticket> for Fanout {
    fn completed(&mut self, batch: &mut Vec<Completed<Ticket>>, report: BatchReport) {
        self.meters.sync.observe(report.sync.as_secs_f64());
        self.meters.batch.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        let now = self.clock.elapsed();
        for Completed { ticket: Ticket(waiter), operation, outcome } in batch.drain(..) {
            match (waiter, operation) {
                (Waiter::Message { connection, request, room, arrived }, Operation::Append(append)) => {
                    self.message(&connection, request, outcome, now.saturating_sub(arrived), room, append);
                }
                (Waiter::Handshake { room, change, answer }, Operation::Handshake(handshake)) => {
                    self.handshake(&room, &change, &handshake, &outcome);
                    // Whoever submitted it may be gone.
                    let _ = answer.send(outcome);
                }
                (Waiter::Ask(answer) | Waiter::Handshake { answer, .. }, _) => {
                    let _ = answer.send(outcome);
                }
                (Waiter::Message { .. }, _) => {}
            }
        }
        for (room, messages) in std::mem::take(&mut self.rooms).into_values() {
            self.hand_over(&room, &messages);
        }
        for connection in self.wake.drain(..) {
            connection.wake();
        }
    }
}

impl Fanout {
    /// Answers the sender, and keeps a new message for its room's frame.
    fn message(
        &mut self,
        connection: &Arc<Connection>,
        request: u64,
        outcome: Answer,
        took: Duration,
        room: Arc<Room>,
        append: Append,
    ) {
        connection.in_flight.fetch_sub(1, Ordering::Relaxed);
        let answer = match outcome {
            Ok(Outcome::Sequenced(sequenced)) => {
                self.meters.acknowledge.observe(took.as_secs_f64());
                if !sequenced.repeated {
                    self.meters.messages.inc();
                    self.meters.message_bytes.inc_by(append.body.len() as u64);
                    let (_, messages) = self.rooms.entry(room.number).or_insert_with(|| (room, Vec::new()));
                    messages.push((sequenced.place, append));
                }
                frames::sequenced(request, sequenced.place)
            }
            Ok(Outcome::Refused(refused)) => self.refused(request, &refused.into()),
            Ok(_) => self.refused(request, &Refusal::internal("sequencing")),
            Err(error) => self.refused(request, &error.into()),
        };
        self.push(connection, Outgoing::Frame(answer));
    }

    fn refused(&self, request: u64, refusal: &Refusal) -> Bytes {
        self.meters.refuse(refusal);
        frames::refused(request, refusal)
    }

    /// One room's messages of this batch, in order, to everybody online in it.
    fn hand_over(&mut self, room: &Arc<Room>, messages: &[(Place, Append)]) {
        let (Some((first, _)), Some((last, _))) = (messages.first(), messages.last()) else { return };
        let (first, last) = (first.seq, last.seq);
        let mut shared = None;
        let mut live = room.live.lock();
        live.meta.head = live.meta.head.max(last);
        for (device, connection) in &live.online {
            let own = messages.iter().any(|(_, append)| append.sender == *device);
            let frame = if own {
                encode(room, messages, Some(*device))
            } else {
                shared.get_or_insert_with(|| encode(room, messages, None)).clone()
            };
            self.meters.delivered.inc_by(messages.len() as u64);
            let entries = Outgoing::Entries { room: room.number, first, last, frame };
            if connection.push(entries) {
                self.wake.push(Arc::clone(connection));
            }
        }
    }

    /// A handshake changes the room; its entry goes to those who were in it, its Welcome to those who join.
    fn handshake(&mut self, room: &Arc<Room>, change: &RoomChange, handshake: &Handshake, outcome: &Answer) {
        let Ok(Outcome::Sequenced(sequenced)) = outcome else { return };
        if sequenced.repeated {
            return;
        }
        self.meters.handshakes.inc();
        // What was sequenced before it goes out before it.
        if let Some((_, messages)) = self.rooms.remove(&room.number) {
            self.hand_over(room, &messages);
        }
        let seq = sequenced.place.seq;
        let frame = frames::deliver(&room.name, &[item(sequenced.place, handshake)]);
        let online = {
            let mut live = room.live.lock();
            live.step(seq, change);
            let online = live.online.clone();
            live.online.retain(|(device, _)| !devices(&change.left).any(|left| left == *device));
            online
        };
        let invited: HashSet<DeviceId> = match handshake.kind {
            EntryKind::GenerationStarted => sequenced.inbox.iter().map(|(device, _)| *device).collect(),
            _ => HashSet::new(),
        };
        for (device, connection) in &online {
            // Who is told of a new group before it is invited to it would begin to mend the room.
            if invited.contains(device) {
                if connection.note_inbox_before(room.number) {
                    self.wake.push(Arc::clone(connection));
                }
                continue;
            }
            self.meters.delivered.inc();
            let entries =
                Outgoing::Entries { room: room.number, first: seq, last: seq, frame: frame.clone() };
            self.push(connection, entries);
            if devices(&change.left).any(|left| left == *device) {
                self.push(connection, Outgoing::Left { room: room.number, until: seq });
            }
        }
        for device in devices(&change.joined) {
            if let Some(connection) = self.live.of(device) {
                self.push(&connection, Outgoing::Joined { room: Arc::clone(room), from: seq });
            }
        }
        self.note_inboxes(sequenced.inbox.iter().map(|(device, _)| *device));
    }

    fn note_inboxes(&mut self, recipients: impl Iterator<Item = DeviceId>) {
        for connection in recipients.filter_map(|device| self.live.of(device)) {
            if connection.note_inbox() {
                self.wake.push(connection);
            }
        }
    }

    fn push(&mut self, connection: &Arc<Connection>, outgoing: Outgoing) {
        if connection.push(outgoing) {
            self.wake.push(Arc::clone(connection));
        }
    }
}

/// A frame of messages; those of `own` as ids.
fn encode(room: &Room, messages: &[(Place, Append)], own: Option<DeviceId>) -> Bytes {
    let items: Vec<Item<'_>> = messages
        .iter()
        .map(|(place, append)| Item {
            place: *place,
            generation: append.generation,
            body: if own == Some(append.sender) {
                Body::Own(&append.id)
            } else {
                Body::Application(&append.body)
            },
        })
        .collect();
    frames::deliver(&room.name, &items)
}

fn item(place: Place, handshake: &Handshake) -> Item<'_> {
    let (id, bytes) = (&handshake.id, handshake.body.as_ref());
    let body = match handshake.kind {
        EntryKind::Commit => Body::Commit { id, commit: bytes },
        EntryKind::GenerationStarted => Body::GenerationStarted { id, generation: handshake.next.generation },
        EntryKind::Proposal | EntryKind::Application => Body::Proposal(bytes),
    };
    Item { place, generation: handshake.next.generation, body }
}

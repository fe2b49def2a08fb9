//! Frames for devices as bytes, encoded once and shared; the frequent ones by hand, without copies in between.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};
use wickr_base::{DeviceId, Generation, MessageId, Seq, UnixMillis};
use wickr_store::queue::{Entry, EntryKind, Place};
use wickr_wire::relay::{RelayFrame, Reply, relay_frame, reply};

use crate::refusal::Refusal;

/// What is sent of one place in a room's log.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) place: Place,
    pub(crate) generation: Generation,
    pub(crate) body: Body<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Application(&'a [u8]),
    Own(&'a MessageId),
    Commit { id: &'a MessageId, commit: &'a [u8] },
    Proposal(&'a [u8]),
    GenerationStarted { id: &'a MessageId, generation: Generation },
    Expired { through: Seq },
}

impl<'a> Item<'a> {
    /// How `device` gets the entry: its own messages as ids.
    pub(crate) fn of(entry: &'a Entry, device: DeviceId) -> Self {
        let body = match entry.kind {
            EntryKind::Application if entry.sender == Some(device) => Body::Own(&entry.id),
            EntryKind::Application => Body::Application(&entry.body),
            EntryKind::Commit => Body::Commit { id: &entry.id, commit: &entry.body },
            EntryKind::Proposal => Body::Proposal(&entry.body),
            EntryKind::GenerationStarted => {
                Body::GenerationStarted { id: &entry.id, generation: entry.generation }
            }
        };
        Self { place: entry.place, generation: entry.generation, body }
    }

    /// A run of entries that have expired.
    pub(crate) fn expired(from: Seq, through: Seq) -> Self {
        let place = Place { seq: from, time: UnixMillis(0) };
        Self { place, generation: Generation(0), body: Body::Expired { through } }
    }

    fn len(&self) -> usize {
        let generation = if self.generation.0 == 0 { 0 } else { number_len(u64::from(self.generation.0)) };
        let time = if self.place.time.0 == 0 { 0 } else { number_len(unsigned(self.place.time)) };
        number_len(self.place.seq.0) + time + generation + part_len(self.body.len())
    }

    fn put(&self, into: &mut BytesMut) {
        put_number(into, 1, self.place.seq.0);
        if self.place.time.0 != 0 {
            put_number(into, 2, unsigned(self.place.time));
        }
        if self.generation.0 != 0 {
            put_number(into, 3, u64::from(self.generation.0));
        }
        put_head(into, self.body.field(), self.body.len());
        match self.body {
            Body::Application(bytes) | Body::Proposal(bytes) => into.put_slice(bytes),
            Body::Own(id) => put_part(into, 1, &id.0),
            Body::Commit { id, commit } => {
                put_part(into, 1, &id.0);
                put_part(into, 2, commit);
            }
            Body::GenerationStarted { id, generation } => {
                put_part(into, 1, &id.0);
                put_number(into, 2, u64::from(generation.0));
            }
            Body::Expired { through } => put_number(into, 1, through.0),
        }
    }
}

impl Body<'_> {
    fn field(self) -> u32 {
        match self {
            Self::Commit { .. } => 4,
            Self::Proposal(_) => 5,
            Self::Application(_) => 6,
            Self::Expired { .. } => 7,
            Self::GenerationStarted { .. } => 8,
            Self::Own(_) => 9,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Application(bytes) | Self::Proposal(bytes) => bytes.len(),
            Self::Own(_) => part_len(16),
            Self::Commit { commit, .. } => part_len(16) + part_len(commit.len()),
            Self::GenerationStarted { generation, .. } => part_len(16) + number_len(u64::from(generation.0)),
            Self::Expired { through } => number_len(through.0),
        }
    }
}

/// Entries of one room in one frame.
pub(crate) fn deliver(room: &str, items: &[Item<'_>]) -> Bytes {
    let entries: usize = items.iter().map(|item| part_len(item.len())).sum();
    let length = part_len(room.len()) + entries;
    let mut out = BytesMut::with_capacity(part_len(length));
    put_head(&mut out, 3, length);
    put_part(&mut out, 1, room.as_bytes());
    for item in items {
        put_head(&mut out, 2, item.len());
        item.put(&mut out);
    }
    out.freeze()
}

/// The answer to something that was sequenced.
pub(crate) fn sequenced(request: u64, place: Place) -> Bytes {
    let inner = number_len(place.seq.0) + number_len(unsigned(place.time));
    let length = number_len(request) + part_len(inner);
    let mut out = BytesMut::with_capacity(part_len(length));
    put_head(&mut out, 2, length);
    put_number(&mut out, 1, request);
    put_head(&mut out, 5, inner);
    put_number(&mut out, 1, place.seq.0);
    put_number(&mut out, 2, unsigned(place.time));
    out.freeze()
}

/// Any other answer.
pub(crate) fn answer(request: u64, outcome: reply::Outcome) -> Bytes {
    body(relay_frame::Body::Reply(Reply { request, outcome: Some(outcome) }))
}

pub(crate) fn refused(request: u64, refusal: &Refusal) -> Bytes {
    answer(request, reply::Outcome::Refused(refusal.wire()))
}

pub(crate) fn body(body: relay_frame::Body) -> Bytes {
    RelayFrame { body: Some(body) }.encode_to_vec().into()
}

fn unsigned(time: UnixMillis) -> u64 {
    u64::from_ne_bytes(time.0.to_ne_bytes())
}

/// Length of a number field below 16 with its tag.
fn number_len(number: u64) -> usize {
    1 + encoded_len_varint(number)
}

/// Length of a length-delimited field below 16 with its tag.
fn part_len(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

fn put_number(into: &mut BytesMut, field: u32, number: u64) {
    encode_varint(u64::from(field << 3), into);
    encode_varint(number, into);
}

fn put_head(into: &mut BytesMut, field: u32, length: usize) {
    encode_varint(u64::from(field << 3 | 2), into);
    encode_varint(length as u64, into);
}

fn put_part(into: &mut BytesMut, field: u32, bytes: &[u8]) {
    put_head(into, field, bytes.len());
    into.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wickr_wire::relay::{
        CommitEntry, Deliver, Entry as WireEntry, Expired, GenerationEntry, OwnEntry, Sequenced, entry,
    };

    const ID: MessageId = MessageId([7; 16]);

    fn item(seq: u64, time: i64, generation: u32, body: Body<'_>) -> Item<'_> {
        Item {
            place: Place { seq: Seq(seq), time: UnixMillis(time) },
            generation: Generation(generation),
            body,
        }
    }

    proptest! {
        #[test]
        fn a_delivery_reads_back_as_what_it_was_made_of(
            room in "[a-z./0-9-]{0,200}", seq in any::<u64>(), time in any::<i64>(), generation in any::<u32>(),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let id = Bytes::copy_from_slice(&ID.0);
            let owned = Bytes::from(bytes.clone());
            let bodies = [
                (Body::Application(&bytes), entry::Body::Application(owned.clone())),
                (Body::Proposal(&bytes), entry::Body::Proposal(owned.clone())),
                (Body::Own(&ID), entry::Body::Own(OwnEntry { message_id: id.clone() })),
                (
                    Body::Commit { id: &ID, commit: &bytes },
                    entry::Body::Commit(CommitEntry { id: id.clone(), commit: owned }),
                ),
                (
                    Body::GenerationStarted { id: &ID, generation: Generation(generation) },
                    entry::Body::GenerationStarted(GenerationEntry { id, generation }),
                ),
                (Body::Expired { through: Seq(seq) }, entry::Body::Expired(Expired { through: seq })),
            ];
            let items: Vec<Item<'_>> = bodies.iter().map(|(body, _)| item(seq, time, generation, *body)).collect();
            let entries = bodies.into_iter()
                .map(|(_, body)| WireEntry { seq, time_ms: time, generation, body: Some(body) })
                .collect();
            let expected = relay_frame::Body::Deliver(Deliver { room: room.clone(), entries });
            let encoded = deliver(&room, &items);
            prop_assert_eq!(RelayFrame::decode(encoded).unwrap().body, Some(expected));
        }

        #[test]
        fn an_answer_reads_back(request in any::<u64>(), seq in any::<u64>(), time_ms in any::<i64>()) {
            let encoded = sequenced(request, Place { seq: Seq(seq), time: UnixMillis(time_ms) });
            let outcome = Some(reply::Outcome::Sequenced(Sequenced { seq, time_ms }));
            let expected = relay_frame::Body::Reply(Reply { request, outcome });
            prop_assert_eq!(RelayFrame::decode(encoded).unwrap().body, Some(expected));
        }
    }
}

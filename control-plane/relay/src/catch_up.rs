//! What a device missed, from the log: in bites, in order, between which live things go on.
//!
//! Always the inbox first: a Welcome must come before the entries of the room that it leads to.

use wickr_base::Seq;
use wickr_store::queue::{Entry, InboxItem, RoomNumber, StoreError};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{CaughtUp, Inbox, InboxEntry, relay_frame};

use crate::connection::{Over, Session};
use crate::frames::{self, Item};

/// Bytes of bodies that are read from the log and sent at a time.
const BITE: usize = 256 * 1024;

impl Session {
    /// One bite. When nothing is left and the device waits for it, says so.
    pub(crate) async fn catch_up(&mut self) -> Result<(), Over> {
        let step = if self.inbox {
            self.send_inbox().await
        } else if let Some(room) = self.behind.iter().next().copied() {
            self.send_log(room).await
        } else {
            self.resuming = false;
            self.feed(frames::body(relay_frame::Body::CaughtUp(CaughtUp {}))).await.map_err(Failed::Over)
        };
        match step {
            Ok(()) => self.flush().await,
            Err(Failed::Over(over)) => Err(over),
            Err(Failed::Store(error)) => {
                self.relay.meters.store_failed(error);
                self.shared.end(ProblemCode::Internal, "the relay could not read its store; connect again");
                (self.inbox, self.resuming) = (false, false);
                self.behind.clear();
                Ok(())
            }
        }
    }

    async fn send_inbox(&mut self) -> Result<(), Failed> {
        let Some(who) = &self.who else { return Ok(()) };
        let items = self.relay.store.inbox(who.device, self.inbox_sent, BITE).await.map_err(Failed::Store)?;
        let Some(last) = items.last() else {
            self.inbox = false;
            return Ok(());
        };
        self.inbox_sent = last.number;
        let entries = items.into_iter().map(inbox_entry).collect();
        let frame = frames::body(relay_frame::Body::Inbox(Inbox { entries }));
        self.feed(frame).await.map_err(Failed::Over)
    }

    async fn send_log(&mut self, number: RoomNumber) -> Result<(), Failed> {
        let (Some(who), Some(place)) = (&self.who, self.places.get(&number)) else {
            self.behind.remove(&number);
            return Ok(());
        };
        let (device, room, sent) = (who.device, place.room.clone(), place.sent);
        let end = place.until.unwrap_or_else(|| room.head());
        if sent >= end {
            self.behind.remove(&number);
            self.forget_finished(number);
            return Ok(());
        }
        let entries = self.relay.store.log(number, sent, end, BITE).await.map_err(Failed::Store)?;
        let (items, through) = gapless(&entries, sent, end, |entry| Item::of(entry, device));
        let meters = &self.relay.meters;
        meters.delivered.inc_by(entries.len() as u64);
        meters.caught_up.inc_by(entries.len() as u64);
        let frame = frames::deliver(&room.name, &items);
        meters.delivered_bytes.inc_by(frame.len() as u64);
        if let Some(place) = self.places.get_mut(&number) {
            place.sent = through;
        }
        self.feed(frame).await.map_err(Failed::Over)
    }
}

enum Failed {
    Over(Over),
    Store(StoreError),
}

/// Fills the gaps that expired entries have left: before each entry, and to the end when nothing is left at all.
fn gapless<'a>(
    entries: &'a [Entry],
    sent: Seq,
    end: Seq,
    item: impl Fn(&'a Entry) -> Item<'a>,
) -> (Vec<Item<'a>>, Seq) {
    let mut items = Vec::with_capacity(entries.len() + 1);
    let mut through = sent;
    for entry in entries {
        let seq = entry.place.seq;
        if seq > through.next() {
            items.push(Item::expired(through.next(), Seq(seq.0 - 1)));
        }
        items.push(item(entry));
        through = seq;
    }
    if entries.is_empty() {
        items.push(Item::expired(sent.next(), end));
        through = end;
    }
    (items, through)
}

fn inbox_entry(item: InboxItem) -> InboxEntry {
    InboxEntry {
        number: item.number,
        room: item.room.to_string(),
        generation: item.generation.0,
        seq: item.place.seq.0,
        epoch: item.epoch,
        welcome: item.welcome,
        time_ms: item.place.time.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Body;
    use bytes::Bytes;
    use wickr_base::{Generation, MessageId, UnixMillis};
    use wickr_store::queue::{EntryKind, Place};

    fn entry(seq: u64) -> Entry {
        Entry {
            place: Place { seq: Seq(seq), time: UnixMillis(1) },
            generation: Generation(0),
            kind: EntryKind::Application,
            sender: None,
            id: MessageId([0; 16]),
            expires_at: None,
            body: Bytes::new(),
        }
    }

    fn runs(present: &[u64], sent: u64, end: u64) -> (Vec<(u64, u64)>, u64) {
        let entries: Vec<Entry> = present.iter().map(|seq| entry(*seq)).collect();
        let (items, through) = gapless(&entries, Seq(sent), Seq(end), |entry| Item {
            place: entry.place,
            generation: entry.generation,
            body: Body::Application(&entry.body),
        });
        let run = |item: &Item<'_>| match item.body {
            Body::Expired { through } => (item.place.seq.0, through.0),
            _ => (item.place.seq.0, item.place.seq.0),
        };
        (items.iter().map(run).collect(), through.0)
    }

    #[test]
    fn gaps_come_as_one_expired_run_each_and_nothing_is_left_out() {
        assert_eq!(runs(&[4, 5, 9], 2, 12), (vec![(3, 3), (4, 4), (5, 5), (6, 8), (9, 9)], 9));
        assert_eq!(runs(&[], 9, 12), (vec![(10, 12)], 12));
        assert_eq!(runs(&[3], 2, 3), (vec![(3, 3)], 3));
    }
}

//! One connection as others see it: an outbox with a bound, and what to know about the device behind it.
//!
//! Whoever fills it never waits. Past the bound live entries are left out and the room is noted: the connection then
//! reads what it missed from the log, at its own pace (`catch_up`). Answers and notices are never left out.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use wickr_base::{DeviceId, MemberUri, Seq, UserId};
use wickr_store::queue::RoomNumber;
use wickr_wire::ProblemCode;

use crate::room::Room;

/// Bytes of live entries that wait for one connection before it falls behind.
const BOUND: usize = 512 * 1024;

/// One thing for the connection to do, in order.
pub(crate) enum Outgoing {
    /// Send this.
    Frame(Bytes),
    /// Send these entries of a room, if they are the next ones.
    Entries { room: RoomNumber, first: Seq, last: Seq, frame: Bytes },
    /// The device is in a room from there on.
    Joined { room: Arc<Room>, from: Seq },
    /// The device is out of a room; that entry is its last.
    Left { room: RoomNumber, until: Seq },
    /// Are you there?
    Ping,
}

/// The end of a connection and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goodbye {
    pub(crate) code: ProblemCode,
    pub(crate) detail: String,
}

/// Everything that waited.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) queue: VecDeque<Outgoing>,
    /// Rooms of which live entries were left out.
    pub(crate) missed: HashSet<RoomNumber>,
    /// Whether there is something new in the device's inbox.
    pub(crate) inbox: bool,
    pub(crate) goodbye: Option<Goodbye>,
}

#[derive(Default)]
struct Inner {
    filled: Filled,
    bytes: usize,
    behind: bool,
    notified: bool,
}

/// Who is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) uri: MemberUri,
}

/// A connection as others see it.
#[derive(Default)]
pub(crate) struct Connection {
    inner: Mutex<Inner>,
    filled: Notify,
    /// Messages handed to the store and not yet answered.
    pub(crate) in_flight: AtomicUsize,
    /// When the session ends, Unix milliseconds; 0 before there is one.
    pub(crate) expires_at: AtomicI64,
    /// When it was opened, monotonic milliseconds.
    pub(crate) opened: u64,
    /// When something last went through, in either direction; monotonic milliseconds.
    pub(crate) heard: AtomicU64,
    /// When it was last asked whether it is there.
    pub(crate) pinged: AtomicU64,
    /// Ends the task even in the middle of a write.
    pub(crate) cut: Notify,
    /// The session that the token belongs to.
    pub(crate) session: Mutex<Option<(Who, String)>>,
}

impl Connection {
    /// A connection that is opened at `now` (monotonic milliseconds).
    pub(crate) fn new(now: u64) -> Arc<Self> {
        Arc::new(Self { opened: now, heard: AtomicU64::new(now), ..Self::default() })
    }

    /// Who is behind it, once that is proved.
    pub(crate) fn who(&self) -> Option<Who> {
        self.session.lock().as_ref().map(|(who, _)| who.clone())
    }

    /// Puts something in; `true` when the connection must then be woken.
    pub(crate) fn push(&self, outgoing: Outgoing) -> bool {
        let mut inner = self.inner.lock();
        match outgoing {
            Outgoing::Entries { room, ref frame, .. } => {
                if inner.behind || (inner.bytes > 0 && inner.bytes + frame.len() > BOUND) {
                    inner.behind = true;
                    inner.filled.missed.insert(room);
                } else {
                    inner.bytes += frame.len();
                    inner.filled.queue.push_back(outgoing);
                }
            }
            other => inner.filled.queue.push_back(other),
        }
        !std::mem::replace(&mut inner.notified, true)
    }

    /// Puts something in and wakes the connection.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        if self.push(outgoing) {
            self.wake();
        }
    }

    /// There is something new in the device's inbox; `true` when the connection must then be woken.
    pub(crate) fn note_inbox(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.filled.inbox = true;
        !std::mem::replace(&mut inner.notified, true)
    }

    /// The same, and what comes next of that room comes after it: from the log.
    pub(crate) fn note_inbox_before(&self, room: RoomNumber) -> bool {
        let mut inner = self.inner.lock();
        inner.filled.inbox = true;
        inner.filled.missed.insert(room);
        !std::mem::replace(&mut inner.notified, true)
    }

    /// Ends the connection after what is in the outbox; the first reason stays.
    pub(crate) fn end(&self, code: ProblemCode, detail: impl Into<String>) {
        let wake = {
            let mut inner = self.inner.lock();
            inner.filled.goodbye.get_or_insert_with(|| Goodbye { code, detail: detail.into() });
            !std::mem::replace(&mut inner.notified, true)
        };
        if wake {
            self.wake();
        }
    }

    pub(crate) fn wake(&self) {
        self.filled.notify_one();
    }

    /// Waits until something is in it.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes everything out, and live entries are taken in again.
    pub(crate) fn take(&self) -> Filled {
        let mut inner = self.inner.lock();
        (inner.bytes, inner.behind, inner.notified) = (0, false, false);
        std::mem::take(&mut inner.filled)
    }

    /// Something went through.
    pub(crate) fn hear(&self, now: u64) {
        self.heard.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(seq: u64, bytes: usize) -> Outgoing {
        let frame = Bytes::from(vec![0; bytes]);
        Outgoing::Entries { room: RoomNumber(1), first: Seq(seq), last: Seq(seq), frame }
    }

    #[test]
    fn past_its_bound_a_connection_gets_no_live_entries_until_it_has_caught_up() {
        let connection = Connection::new(0);
        assert!(connection.push(entries(1, BOUND)));
        assert!(!connection.push(entries(2, 1)));
        connection.push(Outgoing::Frame(Bytes::from_static(b"answer")));
        let filled = connection.take();
        assert_eq!((filled.queue.len(), filled.missed.len()), (2, 1));
        assert!(connection.push(entries(3, 1)));
        assert!(connection.take().missed.is_empty());
    }

    #[test]
    fn one_frame_above_the_bound_still_passes_when_nothing_else_waits() {
        let connection = Connection::new(0);
        connection.push(entries(1, BOUND * 2));
        assert_eq!(connection.take().queue.len(), 1);
    }

    #[test]
    fn the_first_reason_to_end_is_the_one_that_is_told() {
        let connection = Connection::new(0);
        connection.end(ProblemCode::DeviceRevoked, "lost");
        connection.end(ProblemCode::Draining, "stop");
        assert_eq!(connection.take().goodbye.map(|goodbye| goodbye.code), Some(ProblemCode::DeviceRevoked));
    }
}

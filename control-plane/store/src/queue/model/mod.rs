//! A queue store of maps in memory: what the port means, in the plainest words. Engines are compared with it.

mod apply;
mod read;
mod trim;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use wickr_base::{
    Clock, DeviceId, Generation, Incarnation, MemberUri, MessageId, RoomId, Seq, UnixMillis, UserId,
};

use super::{
    BatchReport, Completed, Entry, Followed, Operation, Place, PoolEntry, RoomMeta, RoomNumber, Sink,
    StoreTime,
};

/// What a model keeps; opening it again finds everything.
#[derive(Clone, Default)]
pub struct ModelDisk(Arc<Mutex<State>>);

/// The model, opened. It completes each operation at once, in the caller's thread.
pub struct ModelStore<T> {
    clock: Arc<dyn Clock>,
    time: Mutex<StoreTime>,
    incarnation: Incarnation,
    state: Arc<Mutex<State>>,
    sink: Mutex<Box<dyn Sink<T>>>,
}

impl<T> std::fmt::Debug for ModelStore<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelStore").field("incarnation", &self.incarnation).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    time: UnixMillis,
    settled: Option<UnixMillis>,
    next_room: u64,
    numbers: HashMap<RoomId, RoomNumber>,
    rooms: BTreeMap<RoomNumber, RoomRecord>,
    memberships: BTreeMap<(DeviceId, RoomNumber), Part>,
    answers: HashMap<(DeviceId, Submitted, MessageId), Place>,
    inboxes: HashMap<DeviceId, Inbox>,
    welcomes: BTreeMap<(RoomNumber, Generation, u64), Waiting>,
    pools: BTreeMap<(UserId, DeviceId), Pool>,
    owners: HashMap<UserId, u32>,
    revoked: BTreeSet<DeviceId>,
    revisions: HashMap<DeviceId, u64>,
    expiry: BTreeSet<(UnixMillis, Thing)>,
    followed: Option<Followed>,
    canary: Option<UnixMillis>,
}

struct RoomRecord {
    meta: RoomMeta,
    members: Vec<MemberUri>,
    removals: BTreeSet<DeviceId>,
    state: Bytes,
    log: BTreeMap<Seq, Entry>,
    /// Removed entries at the head of the log, whose numbers stay known.
    husks: BTreeSet<Seq>,
}

#[derive(Clone, Copy)]
struct Part {
    from: Seq,
    until: Option<Seq>,
    acknowledged: Seq,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Submitted {
    Message,
    Handshake,
}

#[derive(Default)]
struct Inbox {
    last: u64,
    items: BTreeMap<u64, (RoomNumber, Generation, u64, Place)>,
}

struct Waiting {
    message: Bytes,
    tree: Bytes,
    pending: usize,
    until: UnixMillis,
}

#[derive(Default)]
struct Pool {
    one_time: VecDeque<PoolEntry>,
    last_resort: Option<PoolEntry>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Entry(RoomNumber, Seq),
    Welcome(RoomNumber, Generation, u64),
}

impl ModelDisk {
    /// Opens what is there.
    pub fn open<T: Send + 'static>(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<T>>) -> ModelStore<T> {
        let incarnation = Incarnation([7; 16]);
        let time = Mutex::new(StoreTime::begin(self.0.lock().time, &*clock));
        ModelStore { clock, time, incarnation, state: Arc::clone(&self.0), sink: Mutex::new(sink) }
    }
}

impl std::fmt::Debug for ModelDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ModelDisk")
    }
}

impl<T> ModelStore<T> {
    fn complete(&self, operation: Operation, ticket: T) {
        let outcome = {
            let mut state = self.state.lock();
            self.look_at_the_clock(&mut state);
            state.apply(&operation)
        };
        let mut batch = vec![Completed { ticket, operation, outcome: Ok(outcome) }];
        self.sink.lock().completed(&mut batch, BatchReport::default());
    }

    fn look_at_the_clock(&self, state: &mut State) {
        let now = self.time.lock().read(&*self.clock);
        (state.time, state.settled) = (now.time, now.settled);
    }
}

impl RoomRecord {
    fn new(meta: RoomMeta) -> Self {
        Self {
            meta,
            members: Vec::new(),
            removals: BTreeSet::new(),
            state: Bytes::new(),
            log: BTreeMap::new(),
            husks: BTreeSet::new(),
        }
    }
}

impl State {
    fn room(&self, number: RoomNumber) -> Option<&RoomRecord> {
        self.rooms.get(&number)
    }
}

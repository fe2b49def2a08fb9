//! The one thread that writes: takes what has arrived, makes one batch of it, syncs it, tells the sink.
//!
//! While it syncs, more arrives: under load batches grow by themselves and the fsyncs are shared. Nothing is told
//! before its fsync returned. When a batch fails nothing of it counts: the tables are closed as soon as nobody reads
//! them, what was not acknowledged is cut off the journal, and they are opened again before the next batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wickr_store::queue::{BatchReport, Completed, Operation, Outcome, Rejected, Sink, StoreError};

use crate::error::{OpenError, step};
use crate::rooms::Rooms;
use crate::stage::Stage;
use crate::store::Shared;
use crate::tables::Tables;
use crate::{journal, opening, space};

/// At most so many operations, and about so many bytes, share one fsync.
const BATCH_OPERATIONS: usize = 2048;
const BATCH_BYTES: usize = 8 << 20;

/// At most so many operations, and about so many bytes, wait for the writer.
const WAITING_OPERATIONS: usize = 100_000;
const WAITING_BYTES: usize = 256 << 20;

/// Between attempts to open a store that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one attempt waits for those who read. New readers wait behind it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What waits for the writer.
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    arrived: Condvar,
}

struct Inner<T> {
    waiting: Vec<(Operation, T)>,
    bytes: usize,
    in_hand: usize,
    closed: bool,
    writer_sleeps: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let inner = Inner { waiting: Vec::new(), bytes: 0, in_hand: 0, closed: false, writer_sleeps: false };
        Self { inner: Mutex::new(inner), arrived: Condvar::new() }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&self, operation: Operation, ticket: T) -> Result<(), Rejected<T>> {
        let bytes = weight(&operation);
        let mut inner = self.inner.lock();
        let full = inner.waiting.len() >= WAITING_OPERATIONS || inner.bytes + bytes > WAITING_BYTES;
        if inner.closed || (full && !inner.waiting.is_empty()) {
            return Err(Rejected { ticket, closed: inner.closed });
        }
        inner.waiting.push((operation, ticket));
        inner.bytes += bytes;
        if std::mem::take(&mut inner.writer_sleeps) {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(crate) fn waiting(&self) -> usize {
        let inner = self.inner.lock();
        inner.waiting.len() + inner.in_hand
    }

    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Everything that has arrived, waiting for something; `false` when the queue is closed and empty.
    fn take(&self, into: &mut Vec<(Operation, T)>) -> bool {
        let mut inner = self.inner.lock();
        inner.in_hand = 0;
        while inner.waiting.is_empty() {
            if inner.closed {
                return false;
            }
            inner.writer_sleeps = true;
            self.arrived.wait(&mut inner);
        }
        inner.writer_sleeps = false;
        std::mem::swap(&mut inner.waiting, into);
        (inner.bytes, inner.in_hand) = (0, into.len());
        true
    }
}

pub(crate) struct Writer<T> {
    shared: Arc<Shared>,
    queue: Arc<Queue<T>>,
    sink: Box<dyn Sink<T>>,
    rooms: Rooms,
    broken: Option<Broken>,
}

/// Why the tables must be opened again, and when that was last tried.
struct Broken {
    error: StoreError,
    acknowledged: u64,
    tried: Duration,
}

impl<T> Writer<T> {
    pub(crate) fn new(shared: Arc<Shared>, queue: Arc<Queue<T>>, sink: Box<dyn Sink<T>>) -> Self {
        Self { shared, queue, sink, rooms: Rooms::default(), broken: None }
    }

    pub(crate) fn run(mut self) {
        let (mut taken, mut batch) = (Vec::new(), Vec::new());
        while self.queue.take(&mut taken) {
            let mut bytes = 0;
            for (operation, ticket) in taken.drain(..) {
                let weight = weight(&operation);
                let full = batch.len() >= BATCH_OPERATIONS || bytes + weight > BATCH_BYTES;
                if !batch.is_empty() && (full || Stage::begins_a_batch(&operation)) {
                    self.complete(&mut batch, bytes);
                    bytes = 0;
                }
                bytes += weight;
                batch.push(Completed { ticket, operation, outcome: Ok(Outcome::Done) });
            }
            self.complete(&mut batch, bytes);
        }
    }

    /// Writes one batch and tells the sink.
    fn complete(&mut self, batch: &mut Vec<Completed<T>>, bytes: usize) {
        let started = self.shared.clock.elapsed();
        if let Err(error) = self.write(batch) {
            for one in batch.iter_mut() {
                one.outcome = Err(error.clone());
            }
        }
        let sync = self.shared.clock.elapsed().saturating_sub(started);
        self.sink.completed(batch, BatchReport { bytes, sync });
        batch.clear();
    }

    fn write(&mut self, batch: &mut [Completed<T>]) -> Result<(), StoreError> {
        let tables = self.open_tables()?;
        let full = self.check_space()?;
        tables.known.lock().read_on(&tables.answers)?;
        let now = self.shared.now();
        let mut stage = Stage::begin(&tables, &mut self.rooms, now, batch.len());
        let staged = batch.iter_mut().try_for_each(|one| {
            one.outcome = match &full {
                Some(full) if !makes_room(&one.operation) => Err(full.clone()),
                _ => Ok(stage.stage(&one.operation)?),
            };
            Ok(())
        });
        if let Err(error) = staged {
            self.rooms.drop_staged();
            return Err(error);
        }
        match stage.commit() {
            Ok(()) => {
                self.rooms.keep();
                Ok(())
            }
            Err(error) => Err(self.fail(&tables, &error)),
        }
    }

    /// Below the reserve only what makes room, or must not wait, is taken in: gives the answer to all else.
    fn check_space(&self) -> Result<Option<StoreError>, StoreError> {
        let disk = self.shared.disk()?;
        let needed = space::reserve(disk.total);
        let full = StoreError::Full { free: disk.free, needed };
        if disk.free < space::last_reserve(disk.total) {
            return Err(full);
        }
        Ok((disk.free < needed).then_some(full))
    }

    fn fail(&mut self, tables: &Tables, error: &fjall::Error) -> StoreError {
        let full =
            matches!(error, fjall::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull);
        let error = match self.shared.disk() {
            Ok(disk) if full || disk.free < space::last_reserve(disk.total) => {
                StoreError::Full { free: disk.free, needed: space::reserve(disk.total) }
            }
            _ => StoreError::Failed { attempted: "writing a batch", cause: error.to_string() },
        };
        tracing::error!(%error, "a batch could not be written; nothing of it counts");
        // fjall shows a number once its batch is durable, so everything from here on was not acknowledged.
        let acknowledged = tables.db.visible_seqno();
        let tried = self.shared.clock.elapsed();
        self.broken = Some(Broken { error: error.clone(), acknowledged, tried });
        self.rooms.clear();
        error
    }

    fn open_tables(&mut self) -> Result<Arc<Tables>, StoreError> {
        let Some(broken) = &mut self.broken else { return self.shared.tables() };
        let now = self.shared.clock.elapsed();
        if now.saturating_sub(broken.tried) < PAUSE {
            return Err(broken.error.clone());
        }
        broken.tried = now;
        match reopen(&self.shared, broken.acknowledged) {
            Ok(tables) => {
                tracing::info!("the store is open again");
                self.broken = None;
                Ok(tables)
            }
            Err(error) => {
                tracing::error!(%error, "the store can't be opened again yet");
                Err(broken.error.clone())
            }
        }
    }
}

/// Closes the tables, cuts off what was not acknowledged, opens them.
fn reopen(shared: &Shared, acknowledged: u64) -> Result<Arc<Tables>, OpenError> {
    shared.closing.store(true, Ordering::Relaxed);
    let unread = shared.tables.try_write_for(PATIENCE);
    shared.closing.store(false, Ordering::Relaxed);
    let still_read = || step("closing the store while it is read", Err(fjall::Error::Locked));
    let Some(mut place) = unread else { return still_read().map_err(OpenError::Store) };
    if let Some(tables) = place.take()
        && let Err(tables) = Arc::try_unwrap(tables).map(drop)
    {
        *place = Some(tables);
        return still_read().map_err(OpenError::Store);
    }
    journal::cut_from(&opening::store(&shared.data), acknowledged)?;
    let tables = Arc::new(opening::tables(&shared.data, &shared.settled)?);
    *place = Some(Arc::clone(&tables));
    Ok(tables)
}

/// What a full volume must not stop: who can't sign in and say what it holds makes no room.
fn makes_room(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Purge { .. }
            | Operation::Trim { .. }
            | Operation::Apply(_)
            | Operation::ClearInbox { .. }
            | Operation::MoveCursors(_)
            | Operation::SignIn(_)
            | Operation::NoteRevisions(_)
    )
}

/// About how many bytes an operation writes.
fn weight(operation: &Operation) -> usize {
    match operation {
        Operation::Append(append) => append.body.len() + 128,
        Operation::Handshake(handshake) => {
            let welcome = handshake.welcome.as_ref().map_or(0, |one| one.message.len() + one.tree.len());
            handshake.body.len() + handshake.state.len() + welcome + 512
        }
        Operation::Publish(publish) => {
            let packages = publish.one_time.iter().chain(&publish.last_resort);
            packages.map(|entry| entry.package.len() + 64).sum()
        }
        Operation::MoveCursors(moves) => moves.len() * 64,
        Operation::NoteRevisions(revisions) => revisions.len() * 64,
        _ => 256,
    }
}

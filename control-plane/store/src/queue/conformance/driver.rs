//! Drives one engine in a test: hands operations in, waits for the answers, opens the store again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use wickr_base::{Clock, ManualClock, UnixMillis};

use super::super::model::ModelDisk;
use super::super::{
    BatchReport, Completed, Operation, Outcome, QueueStore, Refused, Sequenced, Sink, StoreError,
};

/// A sink for a test in which nobody waits for an answer.
#[derive(Debug)]
pub struct Deaf;

impl<T> Sink<T> for Deaf {
    fn completed(&mut self, batch: &mut Vec<Completed<T>>, _: BatchReport) {
        batch.clear();
    }
}

/// One store that can be opened again and again.
pub trait Engine {
    /// Opens it; the one opened before has been dropped.
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>>;
}

/// The model as an engine.
#[derive(Debug, Default)]
pub struct ModelEngine(ModelDisk);

impl Engine for ModelEngine {
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>> {
        Box::new(self.0.open(clock, sink))
    }
}

type Answer = (u64, Result<Outcome, StoreError>);

struct Forward(Sender<Answer>);

impl Sink<u64> for Forward {
    fn completed(&mut self, batch: &mut Vec<Completed<u64>>, _: BatchReport) {
        for done in batch.drain(..) {
            // A test that has ended does not listen any more.
            let _ = self.0.send((done.ticket, done.outcome));
        }
    }
}

/// An engine under test, with its clock.
pub struct Driver {
    engine: Box<dyn Engine>,
    clock: Arc<ManualClock>,
    store: Option<Box<dyn QueueStore<u64>>>,
    answers: Receiver<Answer>,
    runtime: tokio::runtime::Runtime,
    tickets: u64,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("store", &self.store).finish_non_exhaustive()
    }
}

/// The instant at which each test starts.
pub(super) const START: UnixMillis = UnixMillis(1_700_000_000_000);

const PATIENCE: Duration = Duration::from_mins(1);

#[expect(clippy::expect_used, reason = "a test that can't go on fails")]
impl Driver {
    /// Opens the engine for the first time.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
        let (store, answers) = open(engine.as_ref(), &clock);
        Self { engine, clock, store: Some(store), answers, runtime, tickets: 0 }
    }

    /// The store, for reading.
    pub fn store(&self) -> &dyn QueueStore<u64> {
        self.store.as_deref().expect("the store is open")
    }

    /// The clock that the store goes by.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Closes the store and opens it again.
    pub fn reopen(&mut self) {
        self.store = None;
        let (store, answers) = open(self.engine.as_ref(), &self.clock);
        (self.store, self.answers) = (Some(store), answers);
    }

    /// Waits for a read.
    pub fn read<R>(&self, reading: impl Future<Output = Result<R, StoreError>>) -> R {
        self.runtime.block_on(reading).expect("the store can be read")
    }

    /// Hands all in at once, then waits for all; answers in the order of submission.
    pub fn ask_all(&mut self, operations: Vec<Operation>) -> Vec<Outcome> {
        let first = self.tickets;
        for operation in operations {
            let ticket = self.tickets;
            self.tickets += 1;
            assert!(self.store().submit(operation, ticket).is_ok(), "the store takes operations in");
        }
        let mut answers = HashMap::new();
        let mut last = None;
        while answers.len() as u64 + first < self.tickets {
            let (ticket, answer) = self.answers.recv_timeout(PATIENCE).expect("the store answers");
            assert!(last < Some(ticket), "answers come in the order of submission");
            last = Some(ticket);
            answers.insert(ticket, answer.expect("the store can write"));
        }
        (first..self.tickets).filter_map(|ticket| answers.remove(&ticket)).collect()
    }

    /// Hands one in and waits for its answer.
    pub fn ask(&mut self, operation: Operation) -> Outcome {
        self.ask_all(vec![operation]).pop().expect("each operation has an answer")
    }

    /// The same, for what must be sequenced.
    pub fn sequenced(&mut self, operation: Operation) -> Sequenced {
        match self.ask(operation) {
            Outcome::Sequenced(sequenced) => sequenced,
            other => unreachable!("it should have been sequenced, but: {other:?}"),
        }
    }

    /// The same, for what must be refused.
    pub fn refused(&mut self, operation: Operation) -> Refused {
        match self.ask(operation) {
            Outcome::Refused(refused) => refused,
            other => unreachable!("it should have been refused, but: {other:?}"),
        }
    }
}

fn open(engine: &dyn Engine, clock: &Arc<ManualClock>) -> (Box<dyn QueueStore<u64>>, Receiver<Answer>) {
    let (send, receive) = channel();
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    (engine.open(clock, Box::new(Forward(send))), receive)
}

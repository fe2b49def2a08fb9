//! The engine passes the suite of the port, and does as the model does, step for step.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use wickr_base::{Clock, SeededRng};
use wickr_store::queue::conformance::{Driver, Engine, ModelEngine, World, compare, steps};
use wickr_store::queue::{Operation, Outcome, QueueStore, Sink};
use wickr_store_log::{LogStore, Settings};

/// A store in a directory that goes with the test.
struct InDirectory(tempfile::TempDir);

impl Default for InDirectory {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Engine for InDirectory {
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>> {
        let settings = Settings { data: PathBuf::from(self.0.path()) };
        Box::new(LogStore::open(&settings, clock, &SeededRng::new(1), sink).unwrap())
    }
}

wickr_store::queue_conformance!(InDirectory::default());

/// More answers than are read with one batch after a start: resent while they are read, and afterwards.
#[test]
fn what_an_earlier_run_answered_is_known_however_much_of_it_has_been_read() {
    let mut driver = Driver::new(Box::new(InDirectory::default()));
    let world = World::new();
    driver.sequenced(world.create(0, 0));
    let meta = driver.read(driver.store().room(&world.rooms[0])).unwrap().meta;
    let messages: Vec<Operation> = (0..1500_u16)
        .map(|id| {
            let Operation::Append(mut append) = world.message(&meta, 0, 0, None) else { unreachable!() };
            append.id.0[..2].copy_from_slice(&id.to_be_bytes());
            Operation::Append(append)
        })
        .collect();
    let first = driver.ask_all(messages.clone());
    driver.reopen();
    for _ in 0..5 {
        for at in [0, 700, 1499] {
            let again = driver.sequenced(messages[at].clone());
            let Outcome::Sequenced(before) = &first[at] else { unreachable!() };
            assert_eq!((again.place, again.repeated), (before.place, true));
        }
    }
    assert!(
        driver
            .ask_all(messages)
            .iter()
            .all(|outcome| { matches!(outcome, Outcome::Sequenced(sequenced) if sequenced.repeated) })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_as_the_model_does(steps in steps(40)) {
        let mut subject = Driver::new(Box::new(InDirectory::default()));
        let mut model = Driver::new(Box::new(ModelEngine::default()));
        compare(&mut subject, &mut model, &steps);
    }
}

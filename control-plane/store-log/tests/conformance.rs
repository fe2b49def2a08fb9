//! The engine passes the suite of the port, and does as the model does, step for step.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use wickr_base::{Clock, SeededRng};
use wickr_store::queue::conformance::{Driver, Engine, ModelEngine, compare, steps};
use wickr_store::queue::{QueueStore, Sink};
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_as_the_model_does(steps in steps(40)) {
        let mut subject = Driver::new(Box::new(InDirectory::default()));
        let mut model = Driver::new(Box::new(ModelEngine::default()));
        compare(&mut subject, &mut model, &steps);
    }
}

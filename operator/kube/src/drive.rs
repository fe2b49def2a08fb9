//! The loop around every pass: workers, what follows each outcome, backoff, panics, metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{Clock, Rng};

use crate::backoff::{Backoffs, jitter};
use crate::caught::caught;
use crate::{Class, Failure, Key, Metrics, Queue};

/// How often an object is looked at when nothing happens: referenced objects are read by name, not watched, and
/// nobody tells that a right was granted. Longer than that no status may be wrong.
pub const RECHECK: Duration = Duration::from_mins(1);

/// How soon a refused object is looked at again the first time, doubled each time up to `RECHECK`: whoever is told that
/// a Secret is missing makes it and waits.
const REFUSED: Duration = Duration::from_secs(10);

/// How soon an object is looked at again that was not looked at, because watches were coming back.
const MIXED: Duration = Duration::from_millis(200);

/// What a pass ended with. Status was written already; this only decides what follows.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as it should be.
    Settled {
        /// When to look again at the latest.
        recheck: Option<Duration>,
    },
    /// Something is waited for.
    Holding {
        /// From a closed list, as it stands in the metric.
        reasons: Vec<&'static str>,
        /// When to look again at the latest.
        recheck: Option<Duration>,
    },
    /// The spec or what it points at is wrong.
    Refused,
    /// A step failed.
    Failed {
        /// Which class it is of.
        class: Class,
        /// What was attempted and what stood in the way; for the log, status has it already.
        text: String,
    },
    /// The object is gone.
    Gone,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed { class: failure.class(), text: format!("{failure}; next: {}", failure.next_step()) }
    }
}

impl Outcome {
    /// Of an object that was not looked at, because of a state that never was (`Cache::is_mixed`).
    pub fn undecided() -> Self {
        Self::Settled { recheck: Some(MIXED) }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "Settled",
            Self::Holding { .. } => "Holding",
            Self::Refused => "Refused",
            Self::Failed { class, .. } => class.as_str(),
            Self::Gone => "Gone",
        }
    }
}

/// One controller: what to do for one object. The six words happen in here.
pub trait Controller: Send + Sync + 'static {
    /// Its name, as in field managers and metrics.
    fn name(&self) -> &'static str;

    /// One pass over the object at `key`, after `failed` passes in a row that failed.
    fn pass(&self, key: &Key, failed: u32) -> impl Future<Output = Outcome> + Send;
}

/// Runs a controller's passes.
#[derive(Debug)]
pub struct Driver {
    queue: Queue,
    backoffs: Backoffs,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    metrics: Metrics,
    holding: Mutex<HashMap<Key, Vec<&'static str>>>,
    /// How often each object was refused in a row.
    refused: Mutex<HashMap<Key, u32>>,
}

impl Driver {
    /// Over the objects that come out of `queue`.
    pub fn new(queue: Queue, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, metrics: Metrics) -> Self {
        let backoffs = Backoffs::new(rng.clone());
        Self { queue, backoffs, clock, rng, metrics, holding: Mutex::default(), refused: Mutex::default() }
    }

    /// Passes over objects, at most `workers` at once and never two over the same, until `end`; passes that run then are
    /// given up where they wait.
    pub async fn run<C: Controller>(
        self: Arc<Self>,
        controller: Arc<C>,
        workers: usize,
        end: impl Future<Output = ()>,
    ) {
        self.metrics.declare(controller.name());
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..workers.max(1) {
            let (driver, controller) = (self.clone(), controller.clone());
            all.spawn(async move {
                loop {
                    driver.step(controller.as_ref()).await;
                }
            });
        }
        end.await;
        all.shutdown().await;
    }

    /// One pass over the next object, and what follows.
    pub async fn step<C: Controller>(&self, controller: &C) {
        let key = self.queue.next().await;
        let name = controller.name();
        let before = self.clock.elapsed();
        let failed = self.backoffs.count(&key);
        let outcome = match caught(controller.pass(&key, failed)).await {
            Ok(outcome) => outcome,
            Err(text) => Failure::Panic { key: key.clone(), text }.into(),
        };
        let seconds = self.clock.elapsed().saturating_sub(before).as_secs_f64();
        self.metrics.passed(name, outcome.label(), seconds);
        self.hold(name, &key, &outcome);
        let delay = self.follow(name, &key, &outcome);
        self.metrics.load(name, self.backoffs.resting(), self.queue.depth());
        self.queue.done(&key, delay);
    }

    /// When to look again.
    fn follow(&self, name: &str, key: &Key, outcome: &Outcome) -> Option<Duration> {
        if !matches!(outcome, Outcome::Refused) {
            self.refused.lock().remove(key);
        }
        let soft = |most: Duration| most.saturating_sub(jitter(self.rng.as_ref(), most / 6));
        match outcome {
            Outcome::Settled { recheck } | Outcome::Holding { recheck, .. } => {
                self.backoffs.forget(key);
                Some(recheck.map_or_else(|| soft(RECHECK), |recheck| recheck.min(RECHECK)))
            }
            Outcome::Refused => {
                self.backoffs.forget(key);
                let mut refused = self.refused.lock();
                let times = refused.entry(key.clone()).or_default();
                let most = REFUSED.saturating_mul(1 << (*times).min(8)).min(RECHECK);
                *times = times.saturating_add(1);
                Some(soft(most))
            }
            Outcome::Failed { class, text } => {
                self.metrics.failed(name, *class);
                match class {
                    Class::Transient => {
                        let rest = self.backoffs.failed(key);
                        tracing::info!(%key, text, ?rest, "a pass failed and is tried again");
                        Some(rest)
                    }
                    Class::Refused | Class::Forbidden => {
                        tracing::warn!(%key, text, "a pass failed");
                        self.backoffs.failed(key);
                        Some(soft(RECHECK))
                    }
                    Class::Bug => {
                        tracing::error!(%key, text, "a pass failed in a way that should not happen");
                        Some(self.backoffs.failed(key).max(RECHECK))
                    }
                }
            }
            Outcome::Gone => {
                self.backoffs.forget(key);
                self.queue.forget(key);
                None
            }
        }
    }

    fn hold(&self, name: &str, key: &Key, outcome: &Outcome) {
        let now = match outcome {
            Outcome::Holding { reasons, .. } => reasons.clone(),
            _ => Vec::new(),
        };
        let mut holding = self.holding.lock();
        let before =
            if now.is_empty() { holding.remove(key) } else { holding.insert(key.clone(), now.clone()) };
        for reason in before.unwrap_or_default() {
            self.metrics.holds(name, reason, -1.0);
        }
        for reason in now {
            self.metrics.holds(name, reason, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;
    use wickr_base::{ManualClock, SeededRng, UnixMillis};

    struct Script(Mutex<Vec<Outcome>>);

    impl Controller for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        async fn pass(&self, _: &Key, _: u32) -> Outcome {
            self.0.lock().pop().expect("the script goes on")
        }
    }

    fn driver() -> (Driver, Queue, prometheus::Registry) {
        let telemetry = wickr_telemetry::Metrics::new("operator");
        let queue = Queue::new();
        queue.open();
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let metrics = Metrics::new(&telemetry).unwrap();
        (
            Driver::new(queue.clone(), clock, Arc::new(SeededRng::new(1)), metrics),
            queue,
            telemetry.registry().clone(),
        )
    }

    fn value(registry: &prometheus::Registry, name: &str, label: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("a known metric");
        let series = family
            .get_metric()
            .iter()
            .find(|metric| metric.get_label().iter().any(|pair| pair.value() == label))
            .expect("a known label");
        series.get_counter().get_value().max(series.get_gauge().get_value())
    }

    #[tokio::test(start_paused = true)]
    async fn a_settled_object_is_looked_at_again_within_a_minute() {
        let (driver, queue, _) = driver();
        let settled = || Outcome::Settled { recheck: None };
        let script = Script(Mutex::new(vec![settled(), settled()]));
        queue.add(Key::new("hq", "hq"));
        driver.step(&script).await;
        let start = Instant::now();
        driver.step(&script).await;
        assert!((50..=60).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_object_is_looked_at_again_soon_and_then_less_often() {
        let (driver, queue, _) = driver();
        let mut ends: Vec<Outcome> = (0..5).map(|_| Outcome::Refused).collect();
        ends.push(Outcome::Settled { recheck: Some(Duration::from_secs(1)) });
        ends.extend((0..2).map(|_| Outcome::Refused));
        ends.reverse();
        let script = Script(Mutex::new(ends));
        queue.add(Key::new("hq", "hq"));
        driver.step(&script).await;
        let mut rests = Vec::new();
        for _ in 0..7 {
            let before = Instant::now();
            driver.step(&script).await;
            rests.push(before.elapsed().as_secs_f64());
        }
        let most = [10.0, 20.0, 40.0, 60.0, 60.0, 1.0, 10.0];
        for (rest, most) in rests.iter().zip(most) {
            assert!((most * 0.8..=most + 0.01).contains(rest), "{rests:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_bug_that_is_counted_and_the_worker_goes_on() {
        let (driver, queue, registry) = driver();
        let script = Script(Mutex::new(vec![Outcome::Gone]));
        queue.add(Key::new("hq", "a"));
        driver.step(&script).await;
        queue.add(Key::new("hq", "b"));
        driver.step(&script).await;
        assert!((value(&registry, "wickr_operator_failures_total", "Bug") - 1.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn holding_is_counted_by_reason_while_it_lasts() {
        let (driver, queue, registry) = driver();
        let hold = Outcome::Holding { reasons: vec!["PodsNotReady"], recheck: None };
        let script = Script(Mutex::new(vec![Outcome::Settled { recheck: None }, hold]));
        let held = || value(&registry, "wickr_operator_holding_objects", "PodsNotReady");
        queue.add(Key::new("hq", "a"));
        driver.step(&script).await;
        assert!((held() - 1.0).abs() < 0.1);
        driver.step(&script).await;
        assert!(held().abs() < 0.1);
    }
}

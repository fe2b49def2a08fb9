//! What the operator counts; names and units in one place, nothing named in labels but controllers, classes, reasons.

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::Class;

/// Counters of one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: IntCounterVec,
    duration: HistogramVec,
    failures: IntCounterVec,
    holding: GaugeVec,
    resting: GaugeVec,
    depth: GaugeVec,
    requests: Requests,
    polls: Polls,
}

/// Requests that were sent to the API server, by verb. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Requests(IntCounterVec);

/// Questions asked of the services. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Polls {
    /// All of them.
    pub asked: IntCounter,
    /// Those without an answer.
    pub failed: IntCounter,
    /// How long an answer takes.
    pub duration: Histogram,
    /// How many services are asked.
    pub targets: IntGauge,
}

impl Requests {
    /// One more of `verb`.
    pub fn count(&self, verb: &str) {
        self.0.with_label_values(&[verb]).inc();
    }

    /// How many of `verb` so far.
    pub fn so_far(&self, verb: &str) -> u64 {
        self.0.with_label_values(&[verb]).get()
    }
}

/// Verbs as they stand in the metric; `status` is an apply on the status subresource.
pub const VERBS: &[&str] = &["get", "create", "apply", "patch", "delete", "status", "event"];

impl Metrics {
    /// Declares them all in `registry`; fails when a name is taken.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(vec.clone()))?;
                Ok(vec)
            };
        let gauges = |name: &str, help: &str, labels: &[&str]| -> Result<GaugeVec, prometheus::Error> {
            let vec = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let duration = HistogramVec::new(
            HistogramOpts::new("wickr_operator_reconcile_duration_seconds", "How long a pass takes.")
                .buckets(vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            &["controller"],
        )?;
        registry.register(Box::new(duration.clone()))?;
        let requests = counters(
            "wickr_operator_requests_total",
            "Requests to the API server, watches and their lists aside.",
            &["verb"],
        )?;
        for verb in VERBS {
            requests.with_label_values(&[verb]);
        }
        Ok(Self {
            reconciles: counters(
                "wickr_operator_reconciles_total",
                "Passes, by what they ended with.",
                &["controller", "outcome"],
            )?,
            duration,
            failures: counters(
                "wickr_operator_failures_total",
                "Failed steps, by class.",
                &["controller", "class"],
            )?,
            holding: gauges(
                "wickr_operator_holding_objects",
                "Objects that wait, by reason.",
                &["controller", "reason"],
            )?,
            resting: gauges(
                "wickr_operator_resting_objects",
                "Objects that rest after a failure.",
                &["controller"],
            )?,
            depth: gauges(
                "wickr_operator_queue_objects",
                "Objects that wait for a worker.",
                &["controller"],
            )?,
            requests: Requests(requests),
            polls: Polls::new(registry)?,
        })
    }

    /// The counter of requests.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// The counters of the poller.
    pub fn polls(&self) -> Polls {
        self.polls.clone()
    }

    /// Starts every series of `controller` at zero, so that a first failure is seen as a change.
    pub fn declare(&self, controller: &str) {
        for class in Class::ALL {
            self.failures.with_label_values(&[controller, class.as_str()]);
        }
    }

    /// A pass ended.
    pub fn passed(&self, controller: &str, outcome: &str, seconds: f64) {
        self.reconciles.with_label_values(&[controller, outcome]).inc();
        self.duration.with_label_values(&[controller]).observe(seconds);
    }

    /// A step failed.
    pub fn failed(&self, controller: &str, class: Class) {
        self.failures.with_label_values(&[controller, class.as_str()]).inc();
    }

    /// One object more (`1.0`) or fewer (`-1.0`) waits for `reason`.
    pub fn holds(&self, controller: &str, reason: &str, change: f64) {
        self.holding.with_label_values(&[controller, reason]).add(change);
    }

    /// How many objects rest and how many wait for a worker.
    pub fn load(&self, controller: &str, resting: usize, depth: usize) {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.resting.with_label_values(&[controller]).set(number(resting));
        self.depth.with_label_values(&[controller]).set(number(depth));
    }
}

impl Polls {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let polls = Self {
            asked: IntCounter::new("wickr_operator_polls_total", "Questions asked of the services.")?,
            failed: IntCounter::new("wickr_operator_poll_failures_total", "Questions without an answer.")?,
            duration: Histogram::with_opts(
                HistogramOpts::new(
                    "wickr_operator_poll_duration_seconds",
                    "How long a service takes to answer.",
                )
                .buckets(vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0]),
            )?,
            targets: IntGauge::new("wickr_operator_poll_targets", "Services that are asked.")?,
        };
        registry.register(Box::new(polls.asked.clone()))?;
        registry.register(Box::new(polls.failed.clone()))?;
        registry.register(Box::new(polls.duration.clone()))?;
        registry.register(Box::new(polls.targets.clone()))?;
        Ok(polls)
    }
}

//! What the operator counts; names and units in one place, nothing named in labels but controllers, classes, reasons.

use prometheus::{GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};
use wickr_telemetry::{MetricsError, Unit};

use crate::{Class, Unmet};

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
    unmet: Unmet,
    leading: IntGauge,
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

/// Verbs as they stand in the metric; `status` is an apply on the status subresource, `lease` any request about the
/// operators' own lease.
pub const VERBS: &[&str] = &["get", "create", "apply", "patch", "delete", "status", "event", "lease"];

impl Metrics {
    /// Declares them all in `telemetry`; fails when a name is taken.
    pub fn new(telemetry: &wickr_telemetry::Metrics) -> Result<Self, MetricsError> {
        let requests = telemetry.counters(
            "requests",
            Unit::Count,
            "Requests to the API server, watches and their lists aside, by verb.",
            &["verb"],
        )?;
        for verb in VERBS {
            requests.with_label_values(&[verb]);
        }
        let both = |label| ["controller", label];
        Ok(Self {
            reconciles: telemetry.counters(
                "reconciles",
                Unit::Count,
                "Passes over an object, by what they ended with.",
                &both("outcome"),
            )?,
            duration: telemetry.histograms(
                "reconcile_duration",
                Unit::Seconds,
                "How long a pass takes.",
                &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
                &["controller"],
            )?,
            failures: telemetry.counters(
                "failures",
                Unit::Count,
                "Failed steps, by class.",
                &both("class"),
            )?,
            holding: telemetry.levels(
                "holding_objects",
                Unit::Count,
                "Objects that wait, by what they wait for.",
                &both("reason"),
            )?,
            resting: telemetry.levels(
                "resting_objects",
                Unit::Count,
                "Objects that rest after a failure.",
                &["controller"],
            )?,
            depth: telemetry.levels(
                "queue_objects",
                Unit::Count,
                "Objects that wait for a worker.",
                &["controller"],
            )?,
            requests: Requests(requests),
            polls: Polls::new(telemetry)?,
            unmet: Unmet::new(telemetry)?,
            leading: telemetry.gauge(
                "leading",
                Unit::Count,
                "Whether this replica acts: 1 for the one that does, 0 for those that stand by.",
            )?,
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

    /// The conditions that are not as they should be.
    pub fn unmet(&self) -> Unmet {
        self.unmet.clone()
    }

    /// Whether this replica is the one that acts. The one that doesn't has nothing waiting.
    pub fn leading(&self, leads: bool) {
        self.leading.set(i64::from(leads));
        if !leads {
            for level in [&self.holding, &self.resting, &self.depth] {
                level.reset();
            }
        }
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

    /// How many passes have ended so far.
    pub fn passes(&self, controller: &str) -> u64 {
        self.duration.with_label_values(&[controller]).get_sample_count()
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
    fn new(telemetry: &wickr_telemetry::Metrics) -> Result<Self, MetricsError> {
        Ok(Self {
            asked: telemetry.counter("polls", Unit::Count, "Questions asked of the services.")?,
            failed: telemetry.counter("poll_failures", Unit::Count, "Questions without an answer.")?,
            duration: telemetry.histogram(
                "poll_duration",
                Unit::Seconds,
                "How long a service takes to answer.",
                &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0],
            )?,
            targets: telemetry.gauge("poll_targets", Unit::Count, "Services that are asked.")?,
        })
    }
}

//! Counts the conditions that are not as they should be, over all objects and without their names (which ones those are
//! is decided in operator/core; the other numbers: `metrics`).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::GaugeVec;
use wickr_telemetry::{MetricsError, Unit};

use crate::Key;

/// A condition's type and its reason.
type Reason = (String, String);
/// By controller and object.
type Told = HashMap<(&'static str, Key), Vec<Reason>>;

/// What stands in the status of each object. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Unmet {
    gauge: GaugeVec,
    told: Arc<Mutex<Told>>,
}

impl Unmet {
    pub(crate) fn new(telemetry: &wickr_telemetry::Metrics) -> Result<Self, MetricsError> {
        let gauge = telemetry.levels(
            "unmet_conditions",
            Unit::Count,
            "Conditions in the status of networks and providers that are not as they should be.",
            &["controller", "condition", "reason"],
        )?;
        Ok(Self { gauge, told: Arc::default() })
    }

    /// These of an object are not as they should be, and no others of it.
    pub fn tell(&self, controller: &'static str, key: &Key, unmet: impl Iterator<Item = Reason>) {
        let now: Vec<Reason> = unmet.collect();
        let mut told = self.told.lock();
        // Up before down: a condition that stays must not be seen as met between the two.
        for reason in &now {
            self.add(controller, reason, 1.0);
        }
        for reason in told.insert((controller, key.clone()), now).unwrap_or_default() {
            self.add(controller, &reason, -1.0);
        }
    }

    /// The object is gone.
    pub fn forget(&self, controller: &'static str, key: &Key) {
        for reason in self.told.lock().remove(&(controller, key.clone())).unwrap_or_default() {
            self.add(controller, &reason, -1.0);
        }
    }

    /// This replica acts no more: whoever does counts them.
    pub fn forget_all(&self) {
        self.told.lock().clear();
        self.gauge.reset();
    }

    fn add(&self, controller: &str, (condition, reason): &Reason, change: f64) {
        self.gauge.with_label_values(&[controller, condition, reason]).add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(all: &[&str]) -> impl Iterator<Item = Reason> {
        let all: Vec<Reason> = all.iter().map(|reason| ("Ready".to_owned(), (*reason).to_owned())).collect();
        all.into_iter()
    }

    #[test]
    fn objects_are_counted_by_what_their_status_says_now() {
        let unmet = Unmet::new(&wickr_telemetry::Metrics::new("operator")).unwrap();
        let count = |reason: &str| unmet.gauge.with_label_values(&["network", "Ready", reason]).get();
        let is = |reason: &str, wanted: f64| assert!((count(reason) - wanted).abs() < 0.1, "{reason}");
        unmet.tell("network", &Key::new("a", "a"), reasons(&["RelayNotReady"]));
        unmet.tell("network", &Key::new("b", "b"), reasons(&["RelayNotReady"]));
        is("RelayNotReady", 2.0);
        unmet.tell("network", &Key::new("a", "a"), reasons(&["Forbidden"]));
        is("RelayNotReady", 1.0);
        is("Forbidden", 1.0);
        unmet.tell("network", &Key::new("a", "a"), reasons(&[]));
        unmet.forget("network", &Key::new("b", "b"));
        unmet.forget("network", &Key::new("never", "seen"));
        is("RelayNotReady", 0.0);
        is("Forbidden", 0.0);
    }
}

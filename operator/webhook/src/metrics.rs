//! What the webhook counts: reviews, and how its certificate stands.

use prometheus::{IntCounter, IntCounterVec, IntGauge};
use wickr_telemetry::{Metrics, MetricsError, Unit};

use crate::Verdict;
use crate::review::{KINDS, OTHER};

/// Numbers of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    reviews: IntCounterVec,
    /// When the certificate in use ends; 0 while there is none.
    pub expires: IntGauge,
    /// Tries to keep certificate and configuration that failed.
    pub failures: IntCounter,
}

impl WebhookMetrics {
    /// Declares them in `telemetry`; fails when a name is taken.
    pub fn new(telemetry: &Metrics) -> Result<Self, MetricsError> {
        let reviews = telemetry.counters(
            "webhook_reviews",
            Unit::Count,
            "Objects that the webhook was asked about, by kind and verdict.",
            &["kind", "verdict"],
        )?;
        for kind in KINDS.into_iter().chain([OTHER]) {
            for verdict in Verdict::ALL {
                reviews.with_label_values(&[kind, verdict.as_str()]);
            }
        }
        let help = "When the webhook's certificate ends; 0 while the webhook is off or has none.";
        let expires = telemetry.gauge("webhook_certificate_expires", Unit::Timestamp, help)?;
        let help = "Tries to keep the webhook's certificate and configuration that failed.";
        let failures = telemetry.counter("webhook_failures", Unit::Count, help)?;
        Ok(Self { reviews, expires, failures })
    }

    pub(crate) fn reviewed(&self, kind: &str, verdict: Verdict) {
        self.reviews.with_label_values(&[kind, verdict.as_str()]).inc();
    }
}

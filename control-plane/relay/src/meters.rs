//! The relay's numbers. No names, no ids.

use std::sync::Arc;

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};
use wickr_telemetry::{Metrics, MetricsError, Unit};
use wickr_wire::ProblemCode;

use crate::limits::Limit;
use crate::refusal::Refusal;
use crate::trouble::Trouble;

#[derive(Clone)]
pub(crate) struct Meters {
    pub(crate) messages: IntCounter,
    pub(crate) message_bytes: IntCounter,
    pub(crate) handshakes: IntCounter,
    pub(crate) delivered: IntCounter,
    pub(crate) delivered_bytes: IntCounter,
    pub(crate) caught_up: IntCounter,
    pub(crate) expired: IntCounter,
    pub(crate) trimmed: IntCounter,
    pub(crate) queue: IntGauge,
    pub(crate) devices: IntGauge,
    pub(crate) live_rooms: IntGauge,
    pub(crate) oldest_undelivered: Gauge,
    pub(crate) store_time_ahead: Gauge,
    pub(crate) changes_age: Gauge,
    pub(crate) unread_changes: IntCounter,
    pub(crate) sync: Histogram,
    pub(crate) acknowledge: Histogram,
    pub(crate) batch: Histogram,
    refusals: IntCounterVec,
    limited: IntCounterVec,
    pub(crate) packages_kept: IntCounter,
    store_failures: IntCounter,
    /// Whether the store does what it is asked.
    pub(crate) storing: Arc<Trouble>,
}

const SECONDS: &[f64] =
    &[0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

impl Meters {
    pub(crate) fn declare(metrics: &Metrics) -> Result<Self, MetricsError> {
        let (count, bytes, seconds) = (Unit::Count, Unit::Bytes, Unit::Seconds);
        let refusals = metrics.counters("refusals", count, "Frames refused, by problem code.", &["code"])?;
        for code in ProblemCode::ALL {
            refusals.with_label_values(&[code.as_str()]);
        }
        let limited = metrics.counters(
            "limited",
            count,
            "Frames refused because their device had reached a rate, by limit.",
            &["limit"],
        )?;
        for limit in Limit::ALL {
            limited.with_label_values(&[limit.name()]);
        }
        Ok(Self {
            messages: metrics.counter("messages", count, "Application messages sequenced.")?,
            message_bytes: metrics.counter("message", bytes, "Bytes of application messages sequenced.")?,
            handshakes: metrics.counter("handshakes", count, "Commits and proposals sequenced.")?,
            delivered: metrics.counter(
                "delivered",
                count,
                "Entries put into outboxes or read from the log.",
            )?,
            delivered_bytes: metrics.counter("delivered", bytes, "Bytes of frames with entries sent.")?,
            caught_up: metrics.counter("caught_up", count, "Entries that were delivered from the log.")?,
            expired: metrics.counter("expired", count, "Messages and Welcomes removed at their end.")?,
            trimmed: metrics.counter(
                "trimmed",
                count,
                "Entries removed because every member has them, or after 30 days.",
            )?,
            queue: metrics.gauge("queue", count, "Operations that wait for the store's writer.")?,
            devices: metrics.gauge(
                "connected_devices",
                count,
                "Devices with an authenticated connection.",
            )?,
            live_rooms: metrics.gauge("live_rooms", count, "Rooms held in memory for those connected.")?,
            oldest_undelivered: metrics.level(
                "oldest_undelivered",
                seconds,
                "Age of the oldest entry that a member has not acknowledged.",
            )?,
            store_time_ahead: metrics.level(
                "store_time_ahead",
                seconds,
                "The store's time, which never goes back, less the clock; far from 0 the clock leapt.",
            )?,
            changes_age: metrics.level(
                "changes_age",
                seconds,
                "Time since sso last answered what has changed; above 30 s nobody new is let in.",
            )?,
            unread_changes: metrics.counter(
                "unread_changes",
                count,
                "Changes of the directory that this version can't read.",
            )?,
            sync: metrics.histogram("sync", seconds, "Time to write and sync one batch.", SECONDS)?,
            acknowledge: metrics.histogram(
                "acknowledge",
                seconds,
                "From the arrival of a message to its durable acknowledgement.",
                SECONDS,
            )?,
            batch: metrics.histogram("batch", count, "Operations that shared one sync.", SIZES)?,
            refusals,
            limited,
            packages_kept: metrics.counter(
                "packages_kept",
                count,
                "People claimed of whom the last-resort key package was given, to keep the one-time ones.",
            )?,
            store_failures: metrics.counter("store_failures", count, "Frames that failed with the store.")?,
            storing: Arc::new(Trouble::new("storing")),
        })
    }

    pub(crate) fn refuse(&self, refusal: &Refusal) {
        self.refuse_code(refusal.code);
        if let Some(limit) = refusal.limit {
            self.limited.with_label_values(&[limit.name()]).inc();
        }
        if let Some(fault) = &refusal.fault {
            self.store_failed(fault);
        }
    }

    /// Told in the log once, until a canary passes.
    pub(crate) fn store_failed(&self, why: impl std::fmt::Display) {
        self.store_failures.inc();
        self.storing.failed(why);
    }

    pub(crate) fn refuse_code(&self, code: ProblemCode) {
        self.refusals.with_label_values(&[code.as_str()]).inc();
    }
}

//! Metrics, each declared once with its unit (log lines: `log`).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The registry of one service, and the table of what was declared in it.
#[derive(Clone)]
pub struct Metrics {
    service: &'static str,
    registry: Registry,
    declared: Arc<Mutex<Vec<Declaration>>>,
}

/// What a number counts; it ends the metric's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things; no ending.
    Count,
    /// `_seconds`.
    Seconds,
    /// `_bytes`.
    Bytes,
    /// `_ratio`, from 0 to 1.
    Ratio,
    /// `_timestamp_seconds`, since 1970.
    Timestamp,
}

/// How a number moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One line of the table of metrics; the docs are made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The full name.
    pub name: String,
    /// How it moves.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
    /// Its labels.
    pub labels: Vec<&'static str>,
}

/// Why a metric was not declared or shown.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The registry refused it; most often the name is taken.
    #[error("declaring the metric \"{name}\"")]
    Declare {
        /// Its full name.
        name: String,
        /// Why.
        source: prometheus::Error,
    },
    /// A label would carry who or where.
    #[error(
        "declaring the metric \"{name}\": the label \"{label}\" names people or places, which no metric may"
    )]
    Label {
        /// The metric's full name.
        name: String,
        /// The label.
        label: &'static str,
    },
    /// The text could not be written.
    #[error("writing the metrics as text")]
    Render(#[source] prometheus::Error),
}

/// Labels that would put names or ids of people and places into a metrics store.
const FORBIDDEN: &[&str] =
    &["user", "device", "room", "handle", "domain", "network", "peer", "namespace", "name", "id", "address"];

impl Metrics {
    /// An empty registry for `service`, the second word of each metric's name.
    pub fn new(service: &'static str) -> Self {
        Self { service, registry: Registry::new(), declared: Arc::default() }
    }

    /// The registry itself, for collectors of other libraries.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What was declared so far, in order.
    pub fn declared(&self) -> Vec<Declaration> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `wickr_<service>_<thing>[_<unit>]_total`.
    pub fn counter(&self, thing: &str, unit: Unit, help: &'static str) -> Result<IntCounter, MetricsError> {
        self.declare(Kind::Counter, thing, unit, help, &[], |opts, _| IntCounter::with_opts(opts))
    }

    /// The same by labels.
    pub fn counters(
        &self,
        thing: &str,
        unit: Unit,
        help: &'static str,
        labels: &[&'static str],
    ) -> Result<IntCounterVec, MetricsError> {
        self.declare(Kind::Counter, thing, unit, help, labels, IntCounterVec::new)
    }

    /// `wickr_<service>_<thing>[_<unit>]`, whole numbers.
    pub fn gauge(&self, thing: &str, unit: Unit, help: &'static str) -> Result<IntGauge, MetricsError> {
        self.declare(Kind::Gauge, thing, unit, help, &[], |opts, _| IntGauge::with_opts(opts))
    }

    /// The same by labels.
    pub fn gauges(
        &self,
        thing: &str,
        unit: Unit,
        help: &'static str,
        labels: &[&'static str],
    ) -> Result<IntGaugeVec, MetricsError> {
        self.declare(Kind::Gauge, thing, unit, help, labels, IntGaugeVec::new)
    }

    /// A gauge that takes fractions (seconds, ratios).
    pub fn level(&self, thing: &str, unit: Unit, help: &'static str) -> Result<Gauge, MetricsError> {
        self.declare(Kind::Gauge, thing, unit, help, &[], |opts, _| Gauge::with_opts(opts))
    }

    /// The same by labels.
    pub fn levels(
        &self,
        thing: &str,
        unit: Unit,
        help: &'static str,
        labels: &[&'static str],
    ) -> Result<GaugeVec, MetricsError> {
        self.declare(Kind::Gauge, thing, unit, help, labels, GaugeVec::new)
    }

    /// `wickr_<service>_<thing>_<unit>` with those upper bounds.
    pub fn histogram(
        &self,
        thing: &str,
        unit: Unit,
        help: &'static str,
        buckets: &[f64],
    ) -> Result<Histogram, MetricsError> {
        self.declare(Kind::Histogram, thing, unit, help, &[], |opts, _| {
            Histogram::with_opts(HistogramOpts::from(opts).buckets(buckets.to_vec()))
        })
    }

    /// The same by labels.
    pub fn histograms(
        &self,
        thing: &str,
        unit: Unit,
        help: &'static str,
        buckets: &[f64],
        labels: &[&'static str],
    ) -> Result<HistogramVec, MetricsError> {
        self.declare(Kind::Histogram, thing, unit, help, labels, |opts, labels| {
            HistogramVec::new(HistogramOpts::from(opts).buckets(buckets.to_vec()), labels)
        })
    }

    /// `wickr_<service>_build_info{version,commit} 1`.
    pub fn build_info(&self, version: &str, commit: &str) -> Result<(), MetricsError> {
        let help = "The version and commit that this process was built from; always 1.";
        let info = self.gauges("build_info", Unit::Count, help, &["version", "commit"])?;
        info.with_label_values(&[version, commit]).set(1);
        Ok(())
    }

    /// Everything as text for Prometheus (text format 0.0.4).
    pub fn render(&self) -> Result<Vec<u8>, MetricsError> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out).map_err(MetricsError::Render)?;
        Ok(out)
    }

    fn declare<C: Collector + Clone + 'static>(
        &self,
        kind: Kind,
        thing: &str,
        unit: Unit,
        help: &'static str,
        labels: &[&'static str],
        make: impl FnOnce(Opts, &[&str]) -> prometheus::Result<C>,
    ) -> Result<C, MetricsError> {
        let total = if kind == Kind::Counter { "_total" } else { "" };
        let name = format!("wickr_{}_{thing}{unit}{total}", self.service);
        if let Some(label) = labels.iter().find(|label| FORBIDDEN.contains(label)) {
            return Err(MetricsError::Label { name, label });
        }
        let failed = |source| MetricsError::Declare { name: name.clone(), source };
        let collector = make(Opts::new(name.clone(), help), labels).map_err(failed)?;
        self.registry.register(Box::new(collector.clone())).map_err(failed)?;
        let line = Declaration { name, kind, help, labels: labels.to_vec() };
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(collector)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "",
            Self::Seconds => "_seconds",
            Self::Bytes => "_bytes",
            Self::Ratio => "_ratio",
            Self::Timestamp => "_timestamp_seconds",
        })
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("service", &self.service).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_service_and_unit_and_are_shown_as_text() {
        let metrics = Metrics::new("relay");
        metrics.build_info("0.1.0", "abc").unwrap();
        metrics.counter("messages", Unit::Count, "Messages.").unwrap().inc_by(3);
        metrics.counter("received", Unit::Bytes, "Bytes.").unwrap();
        metrics.histogram("append", Unit::Seconds, "Appends.", &[0.1, 1.0]).unwrap().observe(0.5);
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        for line in [
            "wickr_relay_build_info{commit=\"abc\",version=\"0.1.0\"} 1",
            "wickr_relay_messages_total 3",
            "wickr_relay_received_bytes_total 0",
            "wickr_relay_append_seconds_bucket{le=\"1\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let names: Vec<_> = metrics.declared().into_iter().map(|line| line.name).collect();
        assert_eq!(names[1], "wickr_relay_messages_total");
    }

    #[test]
    fn a_metric_is_declared_once_and_never_by_person_or_room() {
        let metrics = Metrics::new("relay");
        metrics.gauge("connections", Unit::Count, "Connections.").unwrap();
        let again = metrics.gauge("connections", Unit::Count, "Connections.");
        assert!(matches!(again, Err(MetricsError::Declare { .. })));
        let by_room = metrics.counters("messages", Unit::Count, "Messages.", &["kind", "room"]);
        assert!(matches!(by_room, Err(MetricsError::Label { label: "room", .. })));
    }

    #[test]
    fn two_services_in_one_process_have_two_registries() {
        let (one, two) = (Metrics::new("relay"), Metrics::new("relay"));
        one.gauge("rooms", Unit::Count, "Rooms.").unwrap();
        two.gauge("rooms", Unit::Count, "Rooms.").unwrap();
    }
}

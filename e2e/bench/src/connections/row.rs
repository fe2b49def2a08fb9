//! One row of `bench connections`: memory for each connection, or how long the return took. The JSON's shape is here.

use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::crowd::Back;

/// One row; a figure that it doesn't have is left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    subject: &'static str,
    /// Devices, all at once.
    connections: u32,
    /// Resident memory per connection, of the server alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_connection: Option<u64>,
    /// Before the connections were made, or before the restart.
    rss_before_bytes: u64,
    /// With all of them open.
    rss_bytes: u64,
    /// After all were closed: the allocator keeps some.
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_closed_bytes: Option<u64>,
    /// Connected per second, the load on the same cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    connects_per_s: Option<f64>,
    /// From when the relay listens again until the device has caught up.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
    /// The last device.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ms: Option<f64>,
    /// Attempts that failed although the relay was listening.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<usize>,
}

/// Resident memory of the server.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) before: u64,
    pub(super) open: u64,
    pub(super) closed: u64,
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a benchmark are far below 2^52")]
    pub(super) fn of_memory(subject: &'static str, connections: u32, memory: Memory, took: Duration) -> Self {
        let Memory { before, open, closed } = memory;
        let per_second = f64::from(connections) / (took.as_millis().max(1) as f64 / 1000.0);
        Self {
            subject,
            connections,
            bytes_per_connection: Some(open.saturating_sub(before) / u64::from(connections.max(1))),
            rss_before_bytes: before,
            rss_bytes: open,
            rss_closed_bytes: Some(closed),
            connects_per_s: Some(per_second.round()),
            ..Self::default()
        }
    }

    pub(super) fn of_return(devices: u32, back: &Back, before: u64, after: u64) -> Result<Self> {
        let mut times = Histogram::<u64>::new(3).context("making a histogram")?;
        for time in &back.times {
            times.record(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).context("recording a time")?;
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a benchmark are far below 2^52")]
        let millis = |value: u64| Some(value as f64);
        Ok(Self {
            subject: "wickr-relay/tls reconnects",
            connections: devices,
            rss_before_bytes: before,
            rss_bytes: after,
            p50_ms: millis(times.value_at_quantile(0.5)),
            p99_ms: millis(times.value_at_quantile(0.99)),
            max_ms: millis(times.max()),
            refused: Some(back.refused),
            ..Self::default()
        })
    }
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
pub(super) fn show(row: &Row) {
    let mb = |bytes: u64| bytes / 1_000_000;
    if let Some(bytes) = row.bytes_per_connection {
        println!(
            "{:<28} {} connections: {bytes} bytes each (RSS {} MB before, {} MB with them, {} MB after), {}/s",
            row.subject,
            row.connections,
            mb(row.rss_before_bytes),
            mb(row.rss_bytes),
            mb(row.rss_closed_bytes.unwrap_or(0)),
            row.connects_per_s.unwrap_or(0.0),
        );
    } else {
        println!(
            "{:<28} {} devices caught up again: p50 {} ms, p99 {} ms, last {} ms, refused {}, RSS {} MB before, {} MB after",
            row.subject,
            row.connections,
            row.p50_ms.unwrap_or(0.0),
            row.p99_ms.unwrap_or(0.0),
            row.max_ms.unwrap_or(0.0),
            row.refused.unwrap_or(0),
            mb(row.rss_before_bytes),
            mb(row.rss_bytes),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_memory_counts_what_the_connections_added_and_leaves_out_what_it_has_not() {
        let memory = Memory { before: 1_000, open: 26_000, closed: 9_000 };
        let row = Row::of_memory("x", 5, memory, Duration::from_secs(2));
        let expected = serde_json::json!({
            "subject": "x", "connections": 5, "bytes_per_connection": 5_000, "rss_before_bytes": 1_000,
            "rss_bytes": 26_000, "rss_closed_bytes": 9_000, "connects_per_s": 3.0,
        });
        assert_eq!(serde_json::to_value(row).unwrap(), expected);
    }

    #[test]
    fn a_row_of_a_return_tells_the_median_and_the_last() {
        let times = (1..=100).map(Duration::from_millis).collect();
        let row = Row::of_return(100, &Back { times, refused: 2, why: None }, 1, 2).unwrap();
        assert_eq!((row.p50_ms, row.p99_ms, row.max_ms), (Some(50.0), Some(99.0), Some(100.0)));
        assert_eq!((row.refused, row.bytes_per_connection), (Some(2), None));
    }
}

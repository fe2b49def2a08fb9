//! One row of a result: what was measured, of whom, and what it cost. The JSON's shape is fixed here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::pair::Measured;

/// A whole benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Report<R> {
    /// Its name.
    pub(crate) bench: &'static str,
    /// One per subject and shape.
    pub(crate) rows: Vec<R>,
}

/// A figure that a row doesn't have is left out.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Who was measured, and the shape where it isn't the standard one.
    pub(crate) subject: String,
    /// Messages acknowledged and delivered per second.
    pub(crate) throughput_per_s: f64,
    /// Send to delivery.
    pub p50_ms: f64,
    /// Send to delivery.
    pub p99_ms: f64,
    /// Send to delivery.
    pub(crate) max_ms: f64,
    /// Resident memory of the server at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rss_bytes: Option<u64>,
    /// CPU seconds that the server used, start included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_s: Option<f64>,
    /// CPU of the server for each message, microseconds, while it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us_per_message: Option<f64>,
    /// CPU of the load for each message, microseconds: it runs on the same cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load_us_per_message: Option<f64>,
    /// Bytes below the server's data folder at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk_bytes: Option<u64>,
    /// Whether an acknowledged message had been fsynced.
    pub(crate) durable: bool,
}

impl Row {
    /// From what was measured and the server's process.
    pub(crate) fn new(subject: String, durable: bool, measured: &Measured, server: u32, data: &Path) -> Self {
        let millis = |quantile: f64| micros_to_millis(measured.latency.value_at_quantile(quantile));
        Self {
            subject,
            throughput_per_s: measured.throughput.round(),
            p50_ms: millis(0.5),
            p99_ms: millis(0.99),
            max_ms: micros_to_millis(measured.latency.max()),
            rss_bytes: resident(server),
            cpu_s: cpu(server),
            cpu_us_per_message: measured.cpu_micros.map(tenth),
            load_us_per_message: measured.load_micros.map(tenth),
            disk_bytes: durable.then(|| below(data)).transpose().ok().flatten(),
            durable,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 microseconds")]
fn micros_to_millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// Resident memory, in bytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// User and system time (proc(5), fields 14 and 15), in ticks of a hundredth of a second.
pub(crate) fn cpu(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn tenth(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

fn below(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry.context("reading an entry")?;
        let kind = entry.metadata().context("asking for its size")?;
        total += if kind.is_dir() { below(&entry.path())? } else { kind.len() };
    }
    Ok(total)
}

//! Load against the relay, and against peers in the same run. `cargo xtask bench` builds and starts it.

mod limit;
mod pair;
mod prosody;
mod relay;
mod row;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use limit::LimitServer;
use pair::{Shape, drive};
use prosody::Prosody;
use relay::RelayServer;
use row::{Report, Row};

#[derive(Parser)]
#[command(about = "Load against the relay, and against peers in the same run")]
struct Arguments {
    #[command(subcommand)]
    command: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Durable 1 KiB messages, acknowledged and delivered to another live client
    Relay {
        /// Write the rows to this file as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        /// Seconds measured per row, after a third of it as warm-up
        #[arg(long, default_value_t = 9)]
        seconds: u64,
    },
    /// The server of the subject `limit`
    #[command(hide = true)]
    LimitServer { data: PathBuf },
}

#[tokio::main]
async fn main() -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a second cryptography provider is installed"))?;
    match Arguments::parse().command {
        Bench::Relay { json, seconds } => relay(json, seconds).await,
        Bench::LimitServer { data } => limit::serve(&data).await,
    }
}

/// Many pairs for the throughput, one pair with one message in flight for the latency.
fn shapes(seconds: u64) -> [(&'static str, Shape); 2] {
    let shape = |pairs, window| Shape {
        pairs,
        window,
        warm_up: Duration::from_secs(seconds.div_ceil(3)),
        measure: Duration::from_secs(seconds),
    };
    [("", shape(32, 4)), (" one-pair", shape(1, 1))]
}

/// Messages to seal for each pair before the clock starts: more than can be sent in its time.
fn enough(shape: Shape) -> usize {
    let seconds = (shape.warm_up + shape.measure).as_secs() + 1;
    let per_second = if shape.pairs == 1 { 5_000 } else { 60_000 / shape.pairs };
    usize::try_from(seconds).unwrap_or(usize::MAX).saturating_mul(per_second)
}

async fn relay(json: Option<PathBuf>, seconds: u64) -> Result<()> {
    let mut rows = Vec::new();
    for (suffix, shape) in shapes(seconds) {
        let folder = tempfile::tempdir().context("making a folder")?;
        let server = RelayServer::start(folder.path()).await?;
        let mut pairs = Vec::new();
        for _ in 0..shape.pairs {
            pairs.push(server.pair(enough(shape)).await?);
        }
        let measured = drive(pairs, shape).await.context("driving the relay")?;
        let data = folder.path().join("data");
        rows.push(Row::new(
            format!("wickr-relay/embedded{suffix}"),
            true,
            &measured,
            server.process(),
            &data,
        ));
        show(&rows);

        let folder = tempfile::tempdir().context("making a folder")?;
        let server = LimitServer::start(folder.path())?;
        let mut pairs = Vec::new();
        for number in 0..u32::try_from(shape.pairs)? {
            pairs.push(server.pair(number).await?);
        }
        let measured = drive(pairs, shape).await.context("driving the limit server")?;
        rows.push(Row::new(format!("limit{suffix}"), true, &measured, server.process(), folder.path()));
        show(&rows);

        let folder = tempfile::tempdir().context("making a folder")?;
        let server = Prosody::start(folder.path(), shape.pairs).await?;
        let mut pairs = Vec::new();
        for number in 0..shape.pairs {
            pairs.push(server.pair(number).await?);
        }
        let measured = drive(pairs, shape).await.context("driving prosody")?;
        rows.push(Row::new(format!("prosody{suffix}"), false, &measured, server.process(), folder.path()));
        show(&rows);
    }
    if let Some(path) = json {
        let report = serde_json::to_vec_pretty(&Report { bench: "relay", rows }).context("writing JSON")?;
        std::fs::write(&path, report).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
fn show(rows: &[Row]) {
    if rows.len() == 1 {
        println!(
            "{:<32} {:>12} {:>9} {:>9} {:>9} {:>9} {:>8}",
            "subject", "messages/s", "p50 ms", "p99 ms", "max ms", "RSS MB", "CPU s"
        );
    }
    if let Some(row) = rows.last() {
        println!(
            "{:<32} {:>12} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>8.1}",
            row.subject,
            row.throughput_per_s,
            row.p50_ms,
            row.p99_ms,
            row.max_ms,
            row.rss_bytes.unwrap_or(0) / 1_000_000,
            row.cpu_s.unwrap_or(0.0),
        );
    }
}

//! Load against the relay, and against peers in the same run. `cargo xtask bench` builds and starts it.

mod connections;
mod limit;
mod pair;
mod prosody;
mod relay;
mod row;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use limit::LimitServer;
use pair::{Pace, Shape, drive};
use prosody::Prosody;
use relay::{Program, RelayServer};
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
        /// Measure only this subject; may be given more than once
        #[arg(long = "only", value_enum)]
        only: Vec<Subject>,
        /// Measure only this shape
        #[arg(long, value_enum)]
        shape: Option<Load>,
    },
    /// Idle connections: memory of the server for each, and how long until all are back after a restart
    Connections {
        /// Write the rows to this file as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        /// Idle connections at once
        #[arg(long, default_value_t = 15_000)]
        connections: u32,
        /// Devices that come back after a restart
        #[arg(long, default_value_t = 5_000)]
        reconnects: u32,
        /// Measure only this subject; may be given more than once
        #[arg(long = "only", value_enum)]
        only: Vec<connections::Subject>,
    },
    /// The relay of `connections`
    #[command(hide = true)]
    RelayServer {
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        plain: bool,
    },
    /// The peer of `connections`
    #[command(hide = true)]
    AxumServer,
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
        Bench::Relay { json, seconds, only, shape } => relay(json, seconds, &only, shape).await,
        Bench::Connections { json, connections, reconnects, only } => {
            connections::run(json, connections, reconnects, &only).await
        }
        Bench::RelayServer { config, plain } => relay::serve(&config, plain).await,
        Bench::AxumServer => connections::serve_default().await,
        Bench::LimitServer { data } => limit::serve(&data).await,
    }
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Our relay, embedded engine
    Relay,
    /// The least that any durable relay does
    Limit,
    /// The peer
    Prosody,
}

/// How hard to push.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Many pairs, each with some messages in flight, for the throughput
    Standard,
    /// As many pairs at a rate that is kept whatever comes back, for the latency under load
    Offered,
    /// One pair with one message in flight, for the latency
    OnePair,
}

/// Messages a second from all pairs together, where a rate is offered.
const OFFERED: u32 = 15_000;

const PAIRS: u32 = 32;

impl Load {
    fn suffix(self) -> String {
        match self {
            Self::Standard => String::new(),
            Self::Offered => format!(" {OFFERED}/s offered"),
            Self::OnePair => " one-pair".to_owned(),
        }
    }

    fn shape(self, seconds: u64) -> Shape {
        let (pairs, pace) = match self {
            Self::Standard => (PAIRS, Pace::InFlight(4)),
            Self::Offered => (PAIRS, Pace::Every(Duration::from_secs(1) * PAIRS / OFFERED)),
            Self::OnePair => (1, Pace::InFlight(1)),
        };
        Shape {
            pairs,
            pace,
            warm_up: Duration::from_secs(seconds.div_ceil(3)),
            measure: Duration::from_secs(seconds),
        }
    }

    /// A server that can't keep up with an offered rate would only show how long its queue gets.
    fn is_for(self, subject: Subject) -> bool {
        self != Self::Offered || subject != Subject::Prosody
    }
}

/// Messages to seal for each pair before the clock starts: more than can be sent in its time.
fn enough(shape: Shape) -> usize {
    let seconds = (shape.warm_up + shape.measure).as_secs() + 1;
    let per_second = match shape.pace {
        Pace::Every(_) => OFFERED / PAIRS + 1,
        Pace::InFlight(_) if shape.pairs == 1 => 5_000,
        Pace::InFlight(_) => 60_000 / PAIRS,
    };
    usize::try_from(seconds * u64::from(per_second)).unwrap_or(usize::MAX)
}

async fn relay(json: Option<PathBuf>, seconds: u64, only: &[Subject], load: Option<Load>) -> Result<()> {
    let mut rows = Vec::new();
    for one in Load::value_variants().iter().filter(|one| load.is_none_or(|load| load == **one)) {
        for subject in Subject::value_variants() {
            if one.is_for(*subject) && (only.is_empty() || only.contains(subject)) {
                rows.push(measure(*subject, *one, seconds).await?);
                show(&rows);
            }
        }
    }
    if let Some(path) = json {
        let report = serde_json::to_vec_pretty(&Report { bench: "relay", rows }).context("writing JSON")?;
        std::fs::write(&path, report).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// One row: a server of its own in a folder of its own.
async fn measure(subject: Subject, load: Load, seconds: u64) -> Result<Row> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let (shape, suffix) = (load.shape(seconds), load.suffix());
    let mut pairs = Vec::new();
    match subject {
        Subject::Relay => {
            let server = RelayServer::start(folder.path(), Program::Deployed).await?;
            for _ in 0..shape.pairs {
                pairs.push(server.pair(enough(shape)).await?);
            }
            let measured = drive(pairs, shape, server.process()).await.context("driving the relay")?;
            let (name, data) = (format!("wickr-relay/embedded{suffix}"), folder.path().join("data"));
            Ok(Row::new(name, true, &measured, server.process(), &data))
        }
        Subject::Limit => {
            let server = LimitServer::start(folder.path())?;
            for number in 0..shape.pairs {
                pairs.push(server.pair(number).await?);
            }
            let measured = drive(pairs, shape, server.process()).await.context("driving the limit server")?;
            Ok(Row::new(format!("limit{suffix}"), true, &measured, server.process(), folder.path()))
        }
        Subject::Prosody => {
            let server = Prosody::start(folder.path(), shape.pairs).await?;
            for number in 0..shape.pairs {
                pairs.push(server.pair(number).await?);
            }
            let measured = drive(pairs, shape, server.process()).await.context("driving prosody")?;
            Ok(Row::new(format!("prosody{suffix}"), false, &measured, server.process(), folder.path()))
        }
    }
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]
fn show(rows: &[Row]) {
    if rows.len() == 1 {
        println!(
            "{:<38} {:>12} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9}",
            "subject", "messages/s", "p50 ms", "p99 ms", "max ms", "RSS MB", "CPU s", "CPU us", "load us"
        );
    }
    if let Some(row) = rows.last() {
        println!(
            "{:<38} {:>12} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>8.1} {:>9.1} {:>9.1}",
            row.subject,
            row.throughput_per_s,
            row.p50_ms,
            row.p99_ms,
            row.max_ms,
            row.rss_bytes.unwrap_or(0) / 1_000_000,
            row.cpu_s.unwrap_or(0.0),
            row.cpu_us_per_message.unwrap_or(0.0),
            row.load_us_per_message.unwrap_or(0.0),
        );
    }
}

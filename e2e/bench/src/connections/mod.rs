//! Thousands of devices that are signed in and idle: what each costs the server in memory, and how long it takes until
//! all are back after a restart. Devices: `crowd`; the axum peer: `default_server`; what a process holds: `process`; what
//! is told: `row`.

mod crowd;
mod default_server;
mod process;
mod row;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::limit::LimitServer;
use crate::prosody::Prosody;
use crate::relay::{Program, RelayServer};
use crate::row::Report;
use crowd::{AT_A_TIME, Crowd};
use default_server::DefaultServer;
pub(crate) use default_server::serve as serve_default;
use process::{Process, raise_open_files};
use row::{Memory, Row, show};

/// Connections made and closed first, so that what is set aside once does not count.
const WARM_UP: u32 = 200;

/// For what was freed or is still on its way.
const SETTLE: Duration = Duration::from_secs(3);

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// The relay as users have it
    Tls,
    /// The relay without TLS, which only this benchmark has
    Plain,
    /// The least that a connection with TLS costs: rustls and a task
    Limit,
    /// The peer, over TLS
    Prosody,
    /// A bare axum WebSocket server with its defaults, without TLS
    Axum,
    /// Devices that connect again after a restart of the relay
    Reconnects,
}

/// Measures and prints; writes JSON where asked to.
pub(crate) async fn run(
    json: Option<PathBuf>,
    connections: u32,
    reconnects: u32,
    only: &[Subject],
) -> Result<()> {
    raise_open_files(connections.max(reconnects))?;
    let mut rows = Vec::new();
    for subject in Subject::value_variants().iter().filter(|one| only.is_empty() || only.contains(one)) {
        let row = measure(*subject, connections, reconnects).await?;
        show(&row);
        rows.push(row);
    }
    if let Some(path) = json {
        let report = Report { bench: "connections", rows };
        let report = serde_json::to_vec_pretty(&report).context("writing JSON")?;
        std::fs::write(&path, report).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// One row: a server of its own in a folder of its own.
async fn measure(subject: Subject, connections: u32, reconnects: u32) -> Result<Row> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let data = folder.path();
    match subject {
        Subject::Tls | Subject::Plain => {
            let (name, program) = match subject {
                Subject::Plain => ("wickr-relay/plain", Program::Plain),
                _ => ("wickr-relay/tls", Program::Tls),
            };
            relay(name, &RelayServer::start(data, program).await?, connections).await
        }
        Subject::Limit => {
            let server = LimitServer::start(data)?;
            peer("limit/tls", server.process(), connections, async |number| server.idle(number).await).await
        }
        Subject::Prosody => {
            let server = Prosody::start(data, connections.max(WARM_UP).div_ceil(2)).await?;
            peer("prosody/tls", server.process(), connections, async |number| server.idle(number).await).await
        }
        Subject::Axum => {
            let server = DefaultServer::start()?;
            peer("axum defaults/plain", server.process(), connections, async |_| server.connect().await).await
        }
        Subject::Reconnects => reconnect(RelayServer::start(data, Program::Tls).await?, reconnects).await,
    }
}

/// Idle devices of the relay.
async fn relay(subject: &'static str, server: &RelayServer, connections: u32) -> Result<Row> {
    let process = Process::of(server.process());
    Crowd::gather(server, WARM_UP).await?.close().await;
    let before = process.at_rest().await?;
    let began = Instant::now();
    let mut crowd = Crowd::gather(server, connections).await?;
    let took = began.elapsed();
    sleep(SETTLE).await;
    let open = process.resident()?;
    crowd.nobody_lost()?;
    crowd.close().await;
    let closed = process.at_rest_again(&before).await?;
    Ok(Row::of_memory(subject, connections, Memory { before: before.rss, open, closed }, took))
}

/// Idle connections of a peer, each made by `connect`.
async fn peer<C>(
    subject: &'static str,
    process: u32,
    connections: u32,
    connect: impl AsyncFn(u32) -> Result<C>,
) -> Result<Row> {
    let all = async |number: u32| {
        let connecting = stream::iter(0..number).map(|number| connect(number));
        connecting.buffer_unordered(AT_A_TIME).try_collect::<Vec<C>>().await
    };
    let process = Process::of(process);
    drop(all(WARM_UP).await?);
    let before = process.at_rest().await?;
    let began = Instant::now();
    let held = all(connections).await?;
    let took = began.elapsed();
    sleep(SETTLE).await;
    let open = process.resident()?;
    drop(held);
    let closed = process.at_rest_again(&before).await?;
    Ok(Row::of_memory(subject, connections, Memory { before: before.rss, open, closed }, took))
}

/// The relay is killed and started again; all come back by themselves.
async fn reconnect(mut server: RelayServer, devices: u32) -> Result<Row> {
    let mut crowd = Crowd::gather(&server, devices).await?;
    let before = Process::of(server.process()).resident()?;
    server.restart().await?;
    let back = crowd.back_since(Instant::now()).await?;
    let after = Process::of(server.process()).resident()?;
    crowd.close().await;
    if let Some(why) = &back.why {
        tell(why);
    }
    ensure!(back.times.len() == devices as usize, "a device did not come back");
    Row::of_return(devices, &back, before, after)
}

#[expect(clippy::print_stderr, reason = "why an attempt failed belongs beside the figure that counts it")]
fn tell(why: &anyhow::Error) {
    eprintln!("the first attempt that failed although the relay listened: {why:#}");
}

//! `wickr-operator`: reads its arguments, puts the operator together, runs it until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser as _;
use kube::{Client, Config};
use tokio::net::TcpListener;
use wickr_base::{SystemClock, SystemRng};
use wickr_operator::args::{Args, LogFormat};
use wickr_operator::plain;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_kube::{LASTS, Metrics};
use wickr_service::Shutdown;

/// How long a request of a pass may be silent.
const REQUEST: Duration = Duration::from_secs(15);
/// How long a watch may be, or the list that it begins with: longer than one lasts.
const WATCH: Duration = LASTS.saturating_add(Duration::from_secs(10));

fn main() -> Result<()> {
    // Before anything could pick another one.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another cryptography provider was installed first"))?;
    let args = Args::parse();
    let format = match args.log_format {
        LogFormat::Json => wickr_telemetry::LogFormat::Json,
        LogFormat::Text => wickr_telemetry::LogFormat::Text,
    };
    wickr_telemetry::init(format, &args.log).context("starting to log")?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let ended = runtime.block_on(run(args));
    runtime.shutdown_timeout(Duration::from_secs(2));
    ended
}

async fn run(args: Args) -> Result<()> {
    let shutdown = Shutdown::default();
    shutdown.on_signals().context("listening for signals")?;
    let telemetry = wickr_telemetry::Metrics::new("operator");
    telemetry.build_info(env!("CARGO_PKG_VERSION"), option_env!("WICKR_COMMIT").unwrap_or("unknown"))?;
    let config =
        Config::infer().await.context("finding the cluster (a kubeconfig, or the pod's own account)")?;
    let within = |time| {
        let mut config = config.clone();
        (config.read_timeout, config.write_timeout) = (Some(time), Some(REQUEST));
        config
    };
    let operator = Operator::new(Parts {
        client: Client::try_from(within(REQUEST)).context("making a client")?,
        watching: Client::try_from(within(WATCH)).context("making a client for watches")?,
        env: args.env(),
        namespaces: args.namespaces(),
        instance: args.instance.clone(),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        metrics: Metrics::new(&telemetry)?,
    });
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("listening on {}", args.listen))?;
    let cache = operator.context.cache.clone();
    let plain = tokio::spawn(plain::serve(listener, cache, telemetry, shutdown.closed()));
    tracing::info!(listen = %args.listen, workers = args.workers, "the operator runs");
    tokio::select! {
        () = operator.run(usize::from(args.workers)) => {}
        () = shutdown.draining() => tracing::info!("the operator stops"),
    }
    shutdown.close();
    plain.await.context("waiting for the plain port")?.context("serving the plain port")
}

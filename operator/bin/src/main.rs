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
use wickr_operator::webhook;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_kube::lease::Keeper;
use wickr_operator_kube::{Key, LASTS, Metrics};
use wickr_operator_webhook::WebhookMetrics;
use wickr_service::Shutdown;

/// How long a request of a pass may be silent.
const REQUEST: Duration = Duration::from_secs(15);
/// How long giving the lease back may take: the other replica waits for no more than it would for a dead one.
const GIVE_BACK: Duration = Duration::from_secs(3);
/// How long a watch may be, or the list that it begins with: longer than one lasts.
const WATCH: Duration = LASTS.saturating_add(Duration::from_secs(10));
/// How long reviews that run at the end may take; an API server waits no longer either.
const LAST_REVIEWS: Duration = Duration::from_secs(3);

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
        // A request is sent when it was decided, or not at all: the client itself would keep one that was answered 503
        // and send it when the lead may be lost and the object another one.
        config.default_retry = false;
        config
    };
    let client = Client::try_from(within(REQUEST)).context("making a client")?;
    let (clock, rng) = (Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let metrics = Metrics::new(&telemetry)?;
    let webhook_metrics = WebhookMetrics::new(&telemetry)?;
    let lease = Key::new(args.operator_namespace.as_str(), args.lease.as_str());
    let mut keeper =
        Keeper::new(client.clone(), lease, &args.instance, clock.clone(), rng.as_ref(), metrics.requests());
    let operator = Operator::new(Parts {
        client: client.clone(),
        watching: Client::try_from(within(WATCH)).context("making a client for watches")?,
        env: args.env(),
        namespaces: args.namespaces(),
        instance: args.instance.clone(),
        clock: clock.clone(),
        rng: rng.clone(),
        metrics: metrics.clone(),
        lead: keeper.lead(),
    });
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("listening on {}", args.listen))?;
    let context = operator.context.clone();
    keeper = keeper.noting(context.cache.history().clone());
    let webhook = args.webhook().map(|settings| {
        let (cache, telemetry, requests) = (context.cache.clone(), telemetry.clone(), metrics.requests());
        let (metrics, look_every) = (webhook_metrics, webhook::LOOK_EVERY);
        let parts =
            webhook::Parts { client, settings, cache, look_every, clock, rng, metrics, requests, telemetry };
        tokio::spawn(webhook::run(parts, shutdown.clone()))
    });
    let plain = tokio::spawn(plain::serve(listener, context, telemetry, shutdown.closed()));
    tracing::info!(listen = %args.listen, workers = args.workers, "the operator runs");
    // Every replica watches and serves; the one that holds the lease acts.
    tokio::select! {
        () = operator.run(usize::from(args.workers)) => {}
        () = keeper.run() => {}
        () = shutdown.draining() => tracing::info!("the operator stops"),
    }
    // After the last pass; the other replica acts at once.
    if tokio::time::timeout(GIVE_BACK, keeper.give_back()).await.is_err() {
        tracing::warn!("the lease could not be given back: the other replica takes it when it has run out");
    }
    // Reviews that run are answered first; both stages are the same for everything else.
    shutdown.begin();
    if let Some(webhook) = webhook
        && tokio::time::timeout(LAST_REVIEWS, webhook).await.is_err()
    {
        tracing::warn!("reviews were cut off");
    }
    shutdown.close();
    plain.await.context("waiting for the plain port")?.context("serving the plain port")
}

//! `kubectl wickr plan`: gather, validate, build and plan as the operator does them; nothing is applied.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use wickr_base::{SystemClock, SystemRng};
use wickr_operator::args::Args;
use wickr_operator::context::Context;
use wickr_operator::kinds::{network_watches, resource_of};
use wickr_operator::network;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_core::network::plan_text;
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Key, Metrics, Watch, snapshot};

use crate::cluster::Cluster;
use crate::networks::meant;
use crate::settings::{self, Settings};

/// The steps, or the findings that stand in their way; of one network, or of all where we look.
pub(crate) async fn plan(cluster: &Cluster, name: Option<&str>) -> Result<String> {
    let networks = meant(cluster, name).await?;
    let (args, mut notes) = settings_or_defaults(cluster).await?;
    let operator = operator(cluster, &args)?;
    let context = &operator.context;
    let neighbours = neighbourhood(cluster, &args, &mut notes).await;
    let of_networks = resource_of::<WickrNetwork>();
    let scopes = |watch: &Watch| match &cluster.namespace {
        // Two networks of one domain are in each other's way, whatever their namespaces.
        _ if watch.resource == of_networks => neighbours.clone(),
        Some(namespace) => vec![namespace.clone()],
        None => vec![String::new()],
    };
    snapshot(&cluster.client, &context.cache, &network_watches(&context.cache), scopes)
        .await
        .context("looking at what is there")?;
    let mut out = String::new();
    for note in notes {
        writeln!(out, "# {note}")?;
    }
    let several = networks.len() > 1;
    for network in &networks {
        let key = Key::new(network.namespace().unwrap_or_default(), network.name_any());
        let watched = args.namespaces();
        if !watched.is_empty() && !watched.contains(&key.namespace) {
            let watched = watched.join(", ");
            writeln!(out, "# the operator watches only {watched}: nothing happens in {}", key.namespace)?;
        }
        let steps = steps(context, &key).await.with_context(|| format!("planning {key}"))?;
        if several {
            writeln!(out, "WickrNetwork {key}")?;
            for step in steps.lines() {
                writeln!(out, "  {step}")?;
            }
        } else {
            out.push_str(&steps);
        }
    }
    Ok(out)
}

async fn settings_or_defaults(cluster: &Cluster) -> Result<(Args, Vec<String>)> {
    let note = match settings::of_the_operator(&cluster.client).await {
        Settings::Of(args) => return Ok((*args, Vec::new())),
        Settings::NoOperator => {
            "no operator is found in this cluster: planned with default images".to_owned()
        }
        Settings::Unreadable(why) => {
            format!("the operator's settings can't be read: planned with default images ({why})")
        }
    };
    Ok((Args::try_parse_from(["wickr-operator"])?, vec![note]))
}

fn operator(cluster: &Cluster, args: &Args) -> Result<Operator> {
    Ok(Operator::new(Parts {
        client: cluster.client.clone(),
        watching: cluster.client.clone(),
        env: args.env(),
        namespaces: Vec::new(),
        instance: "kubectl-wickr".to_owned(),
        clock: Arc::new(SystemClock::new()),
        lead: Lead::alone(Arc::new(SystemClock::new())),
        rng: Arc::new(SystemRng),
        metrics: Metrics::new(&wickr_telemetry::Metrics::new("operator"))?,
    }))
}

/// The namespaces whose networks the operator sees, as far as we may; `""` for all.
async fn neighbourhood(cluster: &Cluster, args: &Args, notes: &mut Vec<String>) -> Vec<String> {
    let everywhere: Api<WickrNetwork> = Api::all(cluster.client.clone());
    let own = cluster.namespace.clone().unwrap_or_default();
    match everywhere.list(&ListParams::default().limit(1)).await {
        Ok(_) if args.namespaces().is_empty() => vec![String::new()],
        Ok(_) => {
            let mut watched = args.namespaces();
            if !watched.contains(&own) {
                watched.push(own);
            }
            watched
        }
        Err(error) => {
            notes.push(format!("networks of other namespaces can't be compared: {error}"));
            vec![own]
        }
    }
}

async fn steps(context: &Context, key: &Key) -> Result<String> {
    let view = context.view();
    let Some(live) = view.get(&resource_of::<WickrNetwork>(), key)? else {
        bail!("it went while it was looked at");
    };
    let spec: WickrNetwork = live.parse()?;
    let gathered =
        network::gather(context, &view, &spec, key).await.context("gathering what the plan needs")?;
    Ok(match network::validate(context, &spec, &gathered) {
        Ok(valid) => {
            let want = network::build(context, &valid);
            plan_text(&network::plan(context, &valid, want, &gathered))
        }
        Err(findings) => format!("refused, nothing is changed: {findings}\n"),
    })
}

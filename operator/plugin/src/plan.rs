//! `kubectl wickr plan`: gather, validate, build and plan as the operator does them; nothing is applied.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use wickr_base::{SystemClock, SystemRng};
use wickr_operator::args::Args;
use wickr_operator::kinds::{network_watches, resource_of};
use wickr_operator::network;
use wickr_operator::wiring::{Operator, Parts};
use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_core::network::plan_text;
use wickr_operator_kube::{Key, Metrics, snapshot};

use crate::cluster::Cluster;
use crate::settings;

/// The steps, or the findings that stand in their way.
pub(crate) async fn plan(cluster: &Cluster, name: &str) -> Result<String> {
    let (args, note) = match settings::of_the_operator(&cluster.client).await {
        Some(args) => (args, ""),
        None => (
            Args::try_parse_from(["wickr-operator"])?,
            "no operator is found in this cluster: planned with default images\n",
        ),
    };
    let operator = Operator::new(Parts {
        client: cluster.client.clone(),
        watching: cluster.client.clone(),
        env: args.env(),
        namespaces: Vec::new(),
        instance: "kubectl-wickr".to_owned(),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        metrics: Metrics::new(&wickr_telemetry::Metrics::new("operator"))?,
    });
    let context = &operator.context;
    let key = Key::new(cluster.namespace.clone(), name);
    snapshot(&cluster.client, &context.cache, &network_watches(&context.cache), &cluster.namespace)
        .await
        .context("looking at what is there")?;
    let view = context.view();
    let Some(live) = view.get(&resource_of::<WickrNetwork>(), &key)? else {
        bail!("there is no WickrNetwork {key}; kubectl get wn -A lists those there are");
    };
    let spec: WickrNetwork = live.parse()?;
    let gathered =
        network::gather(context, &view, &spec, &key).await.context("gathering what the plan needs")?;
    let text = match network::validate(context, &spec, &gathered) {
        Ok(valid) => {
            let want = network::build(context, &valid);
            plan_text(&network::plan(context, &valid, want, &gathered))
        }
        Err(findings) => format!("refused, nothing is changed: {findings}\n"),
    };
    Ok(format!("{note}{text}"))
}

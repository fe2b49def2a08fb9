//! The settings of the operator that runs in the cluster: a plan depends on its images and labels.

use clap::{CommandFactory as _, Parser as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, ListParams};
use wickr_operator::args::Args;

/// What the chart labels the operator's Deployment with.
const LABEL: &str = "app.kubernetes.io/name=wickr-operator";

/// Those of the first operator that is found; `None` when none is, or it may not be looked for.
pub(crate) async fn of_the_operator(client: &Client) -> Option<Args> {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let found = deployments.list(&ListParams::default().labels(LABEL)).await.ok()?;
    let deployment = found.items.into_iter().next()?;
    let namespace = deployment.metadata.namespace?;
    let pod = deployment.spec.template.spec?;
    let env = pod.containers.into_iter().next()?.env.unwrap_or_default();
    let command = Args::command();
    let told = env.into_iter().filter_map(|variable| {
        let is_it =
            |argument: &&clap::Arg| argument.get_env().is_some_and(|env| env == variable.name.as_str());
        let flag = command.get_arguments().find(is_it)?.get_long()?;
        Some(format!("--{flag}={}", variable.value?))
    });
    // The chart gives it by reference to the pod.
    let namespace = format!("--operator-namespace={namespace}");
    Args::try_parse_from(["wickr-operator".to_owned(), namespace].into_iter().chain(told)).ok()
}

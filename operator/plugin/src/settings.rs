//! The settings of the operator that runs in the cluster: a plan depends on its images and labels.

use clap::{CommandFactory as _, Parser as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, ListParams};
use wickr_operator::args::Args;

/// What the chart labels the operator's Deployment with.
const LABEL: &str = "app.kubernetes.io/name=wickr-operator";

/// What is known of the operator's settings.
pub(crate) enum Settings {
    /// Those of the first operator that is found.
    Of(Box<Args>),
    /// There is none.
    NoOperator,
    /// It may not be looked for, or isn't understood.
    Unreadable(String),
}

/// The settings of the operator of this cluster.
pub(crate) async fn of_the_operator(client: &Client) -> Settings {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let found = match deployments.list(&ListParams::default().labels(LABEL)).await {
        Ok(found) => found,
        Err(error) => return Settings::Unreadable(error.to_string()),
    };
    match found.items.into_iter().next() {
        None => Settings::NoOperator,
        Some(deployment) => match read(deployment) {
            Ok(args) => Settings::Of(Box::new(args)),
            Err(why) => Settings::Unreadable(why),
        },
    }
}

fn read(deployment: Deployment) -> Result<Args, String> {
    let namespace = deployment.metadata.namespace.unwrap_or_default();
    let pod = deployment.spec.template.spec.unwrap_or_default();
    let env = pod.containers.into_iter().next().and_then(|container| container.env).unwrap_or_default();
    let command = Args::command();
    let told = env.into_iter().filter_map(|variable| {
        let is_it =
            |argument: &&clap::Arg| argument.get_env().is_some_and(|env| env == variable.name.as_str());
        let flag = command.get_arguments().find(is_it)?.get_long()?;
        Some(format!("--{flag}={}", variable.value?))
    });
    // The chart gives it by reference to the pod.
    let namespace = format!("--operator-namespace={namespace}");
    Args::try_parse_from(["wickr-operator".to_owned(), namespace].into_iter().chain(told))
        .map_err(|error| error.to_string())
}

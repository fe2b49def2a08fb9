//! What the operator is told at its start, on the command line or by environment (the chart sets the latter).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use wickr_operator_core::Env;

use crate::webhook;

/// Turns WickrNetwork and IdentityProvider objects into running networks.
#[derive(Clone, Debug, Parser)]
#[command(name = "wickr-operator", version, about, next_line_help = true)]
pub struct Args {
    /// Image of relay and sso.
    #[arg(long, env = "WICKR_SERVER_IMAGE", default_value = "wickr.local/wickr-server:dev")]
    pub server_image: String,
    /// When nodes fetch that image.
    #[arg(long, env = "WICKR_PULL_POLICY", value_enum, default_value_t = PullPolicy::IfNotPresent)]
    pub pull_policy: PullPolicy,
    /// Secrets for the registry, in each network's namespace, separated by commas.
    #[arg(long, env = "WICKR_IMAGE_PULL_SECRETS", value_delimiter = ',')]
    pub image_pull_secrets: Vec<String>,
    /// Namespaces to watch, separated by commas; all of them when there are none.
    #[arg(long, env = "WICKR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Namespace of the operator's pods: networks let them reach their admin ports.
    #[arg(long, env = "WICKR_OPERATOR_NAMESPACE", default_value = "wickr-system")]
    pub operator_namespace: String,
    /// Labels of the operator's pods, as KEY=VALUE separated by commas.
    #[arg(
        long,
        env = "WICKR_OPERATOR_LABELS",
        value_delimiter = ',',
        value_parser = label,
        default_value = "app.kubernetes.io/name=wickr-operator"
    )]
    pub operator_labels: Vec<(String, String)>,
    /// How long a service drains when it is told to stop, in seconds.
    #[arg(long, env = "WICKR_DRAIN_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub drain_seconds: u64,
    /// How many objects of each kind are looked at at once.
    #[arg(long, env = "WICKR_WORKERS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub workers: u8,
    /// Where /livez, /readyz and /metrics are served, plain.
    #[arg(long, env = "WICKR_LISTEN", default_value = "0.0.0.0:9090")]
    pub listen: SocketAddr,
    /// Name of the lease, in the operator's namespace, by which one of several replicas acts.
    #[arg(long, env = "WICKR_LEASE", default_value = "wickr-operator")]
    pub lease: String,
    /// Name of the Service and the Secret of the webhook, in the operator's namespace; without it none is served.
    #[arg(long, env = "WICKR_WEBHOOK", requires = "webhook_configuration")]
    pub webhook: Option<String>,
    /// Name of the ValidatingWebhookConfiguration, which gets the webhook's certificate.
    #[arg(long, env = "WICKR_WEBHOOK_CONFIGURATION")]
    pub webhook_configuration: Option<String>,
    /// Where the webhook is served, by TLS.
    #[arg(long, env = "WICKR_WEBHOOK_LISTEN", default_value = "0.0.0.0:9443")]
    pub webhook_listen: SocketAddr,
    /// The name that stands in events and in the lease; the pod's.
    #[arg(long, env = "WICKR_INSTANCE", default_value = "wickr-operator")]
    pub instance: String,
    /// How a log line looks.
    #[arg(long, env = "WICKR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged, like `info,wickr_operator=debug`.
    #[arg(long, env = "WICKR_LOG", default_value = "info")]
    pub log: String,
}

/// When nodes fetch an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PullPolicy {
    /// Before each start.
    Always,
    /// When they don't have it.
    IfNotPresent,
    /// Never.
    Never,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

impl Args {
    /// The surroundings that core builds with.
    pub fn env(&self) -> Env {
        let policy = match self.pull_policy {
            PullPolicy::Always => "Always",
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Never => "Never",
        };
        Env {
            server_image: self.server_image.clone(),
            pull_policy: policy.to_owned(),
            image_pull_secrets: named(&self.image_pull_secrets),
            operator_namespace: self.operator_namespace.clone(),
            operator_labels: self.operator_labels.iter().cloned().collect::<BTreeMap<_, _>>(),
            drain: Duration::from_secs(self.drain_seconds),
        }
    }

    /// Where the webhook listens and what it is found by; `None` when none is wanted.
    pub fn webhook(&self) -> Option<webhook::Settings> {
        let (name, configuration) = self.webhook.as_deref().zip(self.webhook_configuration.as_deref())?;
        Some(webhook::Settings::new(self.webhook_listen, &self.operator_namespace, name, configuration))
    }

    /// The namespaces to watch; none means all.
    pub fn namespaces(&self) -> Vec<String> {
        named(&self.watch_namespaces)
    }
}

/// An empty environment variable is one empty word, not none.
fn named(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("\"{text}\" is not KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charts_settings_are_read_and_empty_ones_are_none() {
        let args = Args::parse_from([
            "wickr-operator",
            "--watch-namespaces=",
            "--image-pull-secrets=a,b",
            "--operator-labels=k=v,app.kubernetes.io/name=wickr-operator",
            "--pull-policy=Never",
        ]);
        assert_eq!(args.namespaces(), Vec::<String>::new());
        let env = args.env();
        assert_eq!((env.pull_policy.as_str(), env.image_pull_secrets.len()), ("Never", 2));
        assert_eq!(env.operator_labels["k"], "v");
        assert_eq!(args.webhook(), None);
    }

    #[test]
    fn a_webhook_is_found_by_its_service_and_needs_a_configuration() {
        let args = ["wickr-operator", "--operator-namespace=ops", "--webhook=hook"];
        assert!(Args::try_parse_from(args).is_err());
        let args = Args::parse_from(args.into_iter().chain(["--webhook-configuration=hook-ops"]));
        let settings = args.webhook().unwrap();
        assert_eq!((settings.host.as_str(), settings.secret.as_str()), ("hook.ops.svc", "hook"));
    }
}

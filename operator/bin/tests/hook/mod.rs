//! An API server with the chart's webhook configuration, whose Service is replaced by a port on loopback: there is no
//! kube-proxy here.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use wickr_base::{Clock, SystemClock, SystemRng};
use wickr_cluster::{ControlPlane, until};
use wickr_operator::args::Args;
use wickr_operator::webhook::{Parts, Settings, run};
use wickr_operator::wiring::{self, Operator};
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Cache, Metrics};
use wickr_operator_webhook::WebhookMetrics;
use wickr_service::Shutdown;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SYSTEM: &str = "wickr-system";
pub(crate) const SERVICE: &str = "wickr-operator-webhook";
pub(crate) const CONFIGURATION: &str = "wickr-operator-wickr-system";
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/wickr-operator");

/// An API server that knows our kinds.
pub(crate) struct Hook {
    pub(crate) api: ControlPlane,
    pub(crate) listen: SocketAddr,
}

/// Ends with the test.
pub(crate) struct Running(tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hook {
    pub(crate) fn new() -> Self {
        drop(wickr_telemetry::init(wickr_telemetry::LogFormat::Text, "info"));
        let api = ControlPlane::start().unwrap();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { api, listen }
    }

    /// Our kinds, and the chart's configuration with the port on loopback in the Service's place.
    pub(crate) fn configured(&self) {
        for definition in wickr_operator_api::crds() {
            self.api.apply(&serde_json::to_string(&definition).unwrap()).unwrap();
        }
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"], "").unwrap();
        for namespace in [SYSTEM, "hq"] {
            self.kubectl(&["create", "namespace", namespace], "").unwrap();
        }
        let text = self.helm(&["template", "wickr-operator", CHART, "--show-only", "templates/webhook.yaml"]);
        let text = text.unwrap();
        let document =
            text.split("\n---\n").find(|part| part.contains("kind: ValidatingWebhookConfiguration"));
        let said = self.kubectl(&["create", "--dry-run=client", "-o", "json", "-f", "-"], document.unwrap());
        let mut configuration: Value = serde_json::from_str(&said.unwrap()).unwrap();
        configuration["webhooks"][0]["clientConfig"] =
            json!({"url": format!("https://{}/validate", self.listen)});
        self.api.apply(&configuration.to_string()).unwrap();
    }

    /// As an administrator, or as whom `user` names.
    pub(crate) async fn client(&self, user: Option<&str>) -> Client {
        let config = Kubeconfig::read_from(self.api.kubeconfig()).unwrap();
        let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        config.auth_info.impersonate = user.map(str::to_owned);
        Client::try_from(config).unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.listen, SYSTEM, SERVICE, CONFIGURATION);
        settings.host = self.listen.ip().to_string();
        settings
    }

    /// The webhook alone, without controllers.
    pub(crate) async fn webhook(&self, clock: Arc<dyn Clock>) -> Running {
        let telemetry = wickr_telemetry::Metrics::new("operator");
        let parts = Parts {
            client: self.client(None).await,
            settings: self.settings(),
            cache: Cache::default(),
            look_every: Duration::from_millis(100),
            clock,
            rng: Arc::new(SystemRng),
            metrics: WebhookMetrics::new(&telemetry).unwrap(),
            requests: Metrics::new(&telemetry).unwrap().requests(),
            telemetry,
        };
        Running(tokio::spawn(run(parts, Shutdown::default())))
    }

    /// The controllers, without a webhook.
    pub(crate) async fn controllers(&self) -> Running {
        let client = self.client(None).await;
        let operator = Operator::new(wiring::Parts {
            client: client.clone(),
            watching: client,
            env: <Args as clap::Parser>::parse_from(["wickr-operator"]).env(),
            namespaces: Vec::new(),
            instance: "test".to_owned(),
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            metrics: Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap(),
            lead: Lead::alone(Arc::new(SystemClock::new())),
        });
        Running(tokio::spawn(operator.run(2)))
    }

    /// What kubectl prints on standard output and standard error; an error is what it says on the latter.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        said(self.api.kubectl().args(arguments), input)
    }

    pub(crate) fn apply(&self, object: &Value) -> Result<String, String> {
        self.kubectl(&["apply", "--server-side", "-f", "-"], &object.to_string())
    }

    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut helm = self.api.helm().unwrap();
        said(helm.args(arguments).args(["--namespace", SYSTEM]), "")
    }

    /// `upgrade --install` of the chart.
    pub(crate) fn install(&self, values: &[&str]) -> Result<String, String> {
        let install = ["upgrade", "--install", "wickr-operator", CHART, "--create-namespace"];
        self.helm(&[&install[..], values].concat())
    }

    /// Waits until a bad object is refused.
    pub(crate) fn guarded(&self) {
        until("a bad object to be refused", PATIENCE, || {
            let arguments = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
            Ok(self.kubectl(&arguments, &bad_provider("probe").to_string()).err())
        })
        .unwrap();
    }
}

/// A provider with three things wrong that no rule of the definition finds.
pub(crate) fn bad_provider(name: &str) -> Value {
    json!({
        "apiVersion": "wickr.dev/v1alpha1", "kind": "IdentityProvider", "metadata": {"name": name, "namespace": "hq"},
        "spec": {"networkRef": {"name": "hq"}, "clientId": "wickr", "clientSecretRef": {"name": "idp", "key": "secret"},
                 "issuer": "https://169.254.169.254/realms/hq", "cidrs": ["10.250.0.1/32", "169.254.0.0/16"]},
    })
}

fn said(command: &mut Command, input: &str) -> Result<String, String> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout) + &text(&output.stderr))
    } else {
        Err(text(&output.stderr))
    }
}

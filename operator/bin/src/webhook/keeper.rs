//! Keeps the webhook's Secret and the one field of the configuration that is the operator's: whom the API server trusts.
//! Every replica does so; what two do at once is resolved by the API server, and each write says what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error, ResourceExt as _};
use serde_json::{Value, json};
use wickr_base::{Clock, Rng};
use wickr_operator_kube::Requests;
use wickr_operator_webhook::certificate::{Kept, Step, Why};
use wickr_pki::PkiError;

use super::Settings;

/// Field manager of the configuration's `caBundle`, and of the Secret.
const MANAGER: &str = "wickr-webhook";
/// What tells our Secret from one of somebody else's.
const LABEL: (&str, &str) = ("app.kubernetes.io/component", "webhook");
/// How often a look begins anew because another replica wrote meanwhile.
const RACES: usize = 3;

/// Why a look at the certificate failed.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is nothing that an API server would call the webhook by.
    #[error(
        "ValidatingWebhookConfiguration {name} is not there; next: install the chart with webhook.enabled=true, or \
         start the operator without --webhook"
    )]
    NoConfiguration {
        /// Its name.
        name: String,
    },
    /// A Secret of that name is somebody else's.
    #[error("Secret {name} is not the webhook's: it lacks the label {}={}; next: delete it, or rename the release", LABEL.0, LABEL.1)]
    Foreign {
        /// Its namespace and name.
        name: String,
    },
    /// The API server would not say.
    #[error("reading {object}: {source}")]
    Read {
        /// The object.
        object: String,
        /// Why.
        source: Box<Error>,
    },
    /// The API server would not take it.
    #[error("writing {object}: {source}")]
    Write {
        /// The object.
        object: String,
        /// Why.
        source: Box<Error>,
    },
    /// No certificate was made.
    #[error("making a certificate for {host}: {source}")]
    Issue {
        /// For whom.
        host: String,
        /// Why.
        source: PkiError,
    },
    /// The certificate can't be served.
    #[error("serving the certificate for {host}: {source}")]
    Serve {
        /// For whom.
        host: String,
        /// Why.
        source: PkiError,
    },
}

/// Keeps Secret and configuration.
pub struct Keeper {
    secrets: Api<Secret>,
    configurations: Api<ValidatingWebhookConfiguration>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    requests: Requests,
}

impl Keeper {
    /// Of these objects.
    pub fn new(
        client: &Client,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        requests: Requests,
    ) -> Self {
        let secrets = Api::namespaced(client.clone(), &settings.namespace);
        let configurations = Api::all(client.clone());
        Self { secrets, configurations, settings: settings.clone(), clock, rng, requests }
    }

    /// Does what is due, and gives what is to be served. When nothing is due, nothing is written.
    pub async fn look(&self) -> Result<Kept, KeepError> {
        let mut races = 0;
        loop {
            match self.look_once().await {
                Err(error) if error.is_race() && races < RACES => races += 1,
                looked => return looked,
            }
        }
    }

    /// The configuration is read first: whoever wrote to it after that wins, and this look begins anew.
    async fn look_once(&self) -> Result<Kept, KeepError> {
        let configuration = self.configuration().await?;
        let kept = self.kept(&configuration).await?;
        let trusted = ByteString(kept.trusted().into_bytes());
        let hooks = configuration.webhooks.as_deref().unwrap_or_default();
        if hooks.iter().any(|hook| hook.client_config.ca_bundle.as_ref() != Some(&trusted)) {
            self.trust(&configuration, &trusted).await?;
        }
        Ok(kept)
    }

    async fn configuration(&self) -> Result<ValidatingWebhookConfiguration, KeepError> {
        let name = &self.settings.configuration;
        self.requests.count("get");
        let found = self.configurations.get_opt(name).await;
        found
            .map_err(|source| KeepError::Read { object: self.configuration_name(), source: source.into() })?
            .ok_or_else(|| KeepError::NoConfiguration { name: name.clone() })
    }

    async fn kept(&self, configuration: &ValidatingWebhookConfiguration) -> Result<Kept, KeepError> {
        self.requests.count("get");
        let found = self.secrets.get_opt(&self.settings.secret).await;
        let found =
            found.map_err(|source| KeepError::Read { object: self.secret_name(), source: source.into() })?;
        let Some(secret) = found else {
            let made = self.issue(|host, rng, now| Kept::begin(None, host, rng, now))?;
            self.create(configuration, &made).await?;
            tracing::info!(secret = %self.secret_name(), "a certificate for the webhook was made");
            return Ok(made);
        };
        if secret.labels().get(LABEL.0).map(String::as_str) != Some(LABEL.1) {
            return Err(KeepError::Foreign { name: self.secret_name() });
        }
        let data = secret.data.clone().unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        let (kept, step) = match Kept::read(&data.collect::<BTreeMap<_, _>>()) {
            Ok(kept) => {
                let step = kept.due(&trusted(configuration), &self.settings.host, self.clock.now());
                (Some(kept), step)
            }
            Err(error) => (None, Step::Begin(Why::Unreadable(error.to_string()))),
        };
        let changed = match (kept, &step) {
            (Some(kept), Step::Nothing) => return Ok(kept),
            (Some(kept), Step::Turn) => kept.turn(),
            (Some(kept), Step::Prepare(_)) => self.issue(|host, rng, now| kept.prepare(host, rng, now))?,
            (kept, _) => self.issue(|host, rng, now| Kept::begin(kept.as_ref(), host, rng, now))?,
        };
        self.change(&secret, &changed).await?;
        match step {
            Step::Begin(why) => tracing::warn!(%why, "the webhook's certificate was replaced at once"),
            Step::Prepare(why) => tracing::info!(%why, "a next certificate for the webhook was made"),
            Step::Turn | Step::Nothing => tracing::info!("the webhook's next certificate takes its turn"),
        }
        Ok(changed)
    }

    fn issue(
        &self,
        make: impl FnOnce(&str, &dyn Rng, wickr_base::UnixMillis) -> Result<Kept, PkiError>,
    ) -> Result<Kept, KeepError> {
        let host = &self.settings.host;
        make(host, &*self.rng, self.clock.now())
            .map_err(|source| KeepError::Issue { host: host.clone(), source })
    }

    /// Create-only. It goes with the configuration: nobody would call the webhook then.
    async fn create(
        &self,
        configuration: &ValidatingWebhookConfiguration,
        kept: &Kept,
    ) -> Result<(), KeepError> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": self.settings.secret, "namespace": self.settings.namespace,
                "labels": {"app.kubernetes.io/name": "wickr-operator", LABEL.0: LABEL.1},
                "ownerReferences": [{
                    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                    "name": configuration.name_any(), "uid": configuration.uid(),
                }],
            },
            "data": present(kept),
        });
        let failed = |source| KeepError::Write { object: self.secret_name(), source: Box::new(source) };
        let secret = serde_json::from_value(secret).map_err(|error| failed(Error::SerdeError(error)))?;
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.requests.count("create");
        self.secrets.create(&params, &secret).await.map(drop).map_err(failed)
    }

    /// Only of the Secret as it was seen.
    async fn change(&self, seen: &Secret, kept: &Kept) -> Result<(), KeepError> {
        let patch = json!({
            "metadata": {"uid": seen.uid(), "resourceVersion": seen.resource_version()},
            "data": bytes(kept),
        });
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.requests.count("patch");
        let changed = self.secrets.patch(&self.settings.secret, &params, &Patch::Merge(&patch)).await;
        changed
            .map(drop)
            .map_err(|source| KeepError::Write { object: self.secret_name(), source: source.into() })
    }

    /// Exactly the one field, of the configuration as it was seen.
    async fn trust(
        &self,
        seen: &ValidatingWebhookConfiguration,
        trusted: &ByteString,
    ) -> Result<(), KeepError> {
        let hooks = seen.webhooks.as_deref().unwrap_or_default();
        let hooks: Vec<Value> = hooks
            .iter()
            .map(|hook| json!({"name": hook.name, "clientConfig": {"caBundle": trusted}}))
            .collect();
        let body = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": seen.name_any(), "uid": seen.uid(), "resourceVersion": seen.resource_version()},
            "webhooks": hooks,
        });
        self.requests.count("apply");
        let params = PatchParams::apply(MANAGER).force();
        let applied =
            self.configurations.patch(&self.settings.configuration, &params, &Patch::Apply(&body)).await;
        applied
            .map(drop)
            .map_err(|source| KeepError::Write { object: self.configuration_name(), source: source.into() })
    }

    fn secret_name(&self) -> String {
        format!("Secret {}/{}", self.settings.namespace, self.settings.secret)
    }

    fn configuration_name(&self) -> String {
        format!("ValidatingWebhookConfiguration {}", self.settings.configuration)
    }
}

impl KeepError {
    /// Whether another replica was faster.
    fn is_race(&self) -> bool {
        let Self::Write { source, .. } = self else { return false };
        matches!(&**source, Error::Api(status) if status.code == 409)
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What every one of the webhooks trusts; nothing, when they don't agree.
fn trusted(configuration: &ValidatingWebhookConfiguration) -> Vec<u8> {
    let mut all = configuration.webhooks.iter().flatten().map(|hook| hook.client_config.ca_bundle.as_ref());
    let first = all.next().flatten();
    if all.all(|other| other == first) {
        first.map(|bytes| bytes.0.clone()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// The Secret's data.
fn present(kept: &Kept) -> BTreeMap<&'static str, ByteString> {
    bytes(kept).into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// The same for a patch, in which null takes a key away.
fn bytes(kept: &Kept) -> BTreeMap<&'static str, Option<ByteString>> {
    kept.data().into_iter().map(|(key, value)| (key, value.map(ByteString))).collect()
}

//! Gather: the network, the client's secret and the authorities by name, and what sso said last.

use k8s_openapi::api::core::v1::{ConfigMap, Secret as KubeSecret};
use kube::ResourceExt as _;
use wickr_base::Secret;
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::provider::{ProviderRefs, ProviderSeen, Referenced};
use wickr_operator_core::{Lookup, Poll, Role, labels};
use wickr_operator_kube::{Failure, Key, View};

use crate::context::Context;
use crate::kinds::resource_of;
use crate::network::lookup;
use crate::services::{Question, Target, targets};

/// What a pass over a provider knows.
#[derive(Debug)]
pub struct Gathered {
    /// What the spec points at.
    pub refs: ProviderRefs,
    /// What sso said, and the rehearsal.
    pub seen: ProviderSeen,
    /// The admin port of the network's sso.
    pub sso: Option<Target>,
}

/// Gathers; fails only on what a pass can't do without.
pub async fn gather(
    context: &Context,
    view: &View,
    provider: &IdentityProvider,
    key: &Key,
) -> Result<Gathered, Failure> {
    let near = |name: &str| Key::new(key.namespace.clone(), name);
    // The watch keeps what else there is of its kind; a pass judges this one alone.
    view.get(&resource_of::<IdentityProvider>(), key)?;
    let at = near(&provider.spec.network_ref.name);
    let network = view.get(&resource_of::<WickrNetwork>(), &at)?;
    let network = network.map(|live| live.parse::<WickrNetwork>()).transpose()?;
    let sso = network.as_ref().and_then(|network| admin_of_sso(network, &at));
    let secret = &provider.spec.client_secret_ref;
    let client_secret = lookup(view.lookup::<KubeSecret>(&near(&secret.name)).await)?;
    let ca_bundle = match &provider.spec.ca_bundle_ref {
        Some(bundle) => {
            let found = lookup(view.lookup::<ConfigMap>(&near(&bundle.name)).await)?;
            Some(found.map(|object| of_map(&object, &bundle.key)))
        }
        None => None,
    };
    let heard = sso.as_ref().map(|target| context.poller.heard(&at, target));
    Ok(Gathered {
        refs: ProviderRefs {
            network: network.map_or(Lookup::Missing, Lookup::Found),
            client_secret: client_secret.map(|object| of_secret(&object, &secret.key)),
            ca_bundle,
        },
        seen: ProviderSeen {
            sso: heard.map_or(Poll::Never, crate::network::sso),
            rehearsal: context.rehearsals.last(key),
        },
        sso,
    })
}

fn admin_of_sso(network: &WickrNetwork, at: &Key) -> Option<Target> {
    let is_it = |target: &Target| target.role == Role::Sso && matches!(target.question, Question::Status(_));
    targets(network, at).into_iter().find(is_it)
}

fn of_secret(object: &KubeSecret, key: &str) -> Referenced {
    let bytes = object.data.as_ref().and_then(|data| data.get(key));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
    // A line break at the end is an accident of whoever made the Secret.
    let value = text.map(|text| Secret::new(text.trim_end().to_owned()));
    Referenced { version: version(object), network: network(object), value }
}

fn of_map(object: &ConfigMap, key: &str) -> Referenced {
    let text = object.data.as_ref().and_then(|data| data.get(key)).cloned();
    Referenced { version: version(object), network: network(object), value: text.map(Secret::new) }
}

fn network(object: &impl kube::Resource) -> Option<String> {
    object.labels().get(labels::NETWORK).cloned()
}

fn version(object: &impl kube::Resource) -> String {
    format!("{}/{}", object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default())
}

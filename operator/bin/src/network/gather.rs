//! Gather: what the spec points at, our own children, our keys, and what the services said last.

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt as _;
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::network::{GivenSecret, Neighbour, NetworkRefs, NetworkSeen};
use wickr_operator_core::{
    Live as Children, Lookup, Names, NetworkResources, Poll, RelayAnswer, Role, SsoAnswer, labels, millis,
};
use wickr_operator_kube::{Class, Failure, Heard, Key, Live, Poller, View};

use crate::context::Context;
use crate::explain;
use crate::kinds::{domain_word, resource, resource_of};
use crate::services::{Answer, Question, Services, Target, targets};

/// What a pass over a network knows.
#[derive(Debug)]
pub struct Gathered {
    /// What the spec points at.
    pub refs: NetworkRefs,
    /// Children, keys, pods, answers.
    pub seen: NetworkSeen,
    /// Whom the poller asks.
    pub targets: Vec<Target>,
}

/// Gathers; fails only on what a pass can't do without.
pub async fn gather(
    context: &Context,
    view: &View,
    network: &WickrNetwork,
    key: &Key,
) -> Result<Gathered, Failure> {
    let names = Names::new(key.namespace.clone(), key.name.clone());
    let mut seen = NetworkSeen::read(&names, children(view, key)?, pods(view, key)?, context.clock.now());
    let kept = seen.document.as_ref().map_or(0, |seen| seen.document.number);
    seen.remembered_document = context.numbers.raise(key, kept);
    let targets = targets(network, key);
    hear(&mut seen, &context.poller, key, &targets);
    let (provider, other_providers) = providers(view, network, key)?;
    let refs = NetworkRefs {
        provider,
        other_providers,
        public_tls: public_tls(view, network, key).await?,
        storage_classes: storage_classes(view),
        neighbours: neighbours(view, network, key)?,
        root: seen.root,
    };
    Ok(Gathered { refs, seen, targets })
}

fn children(view: &View, key: &Key) -> Result<Children, Failure> {
    let mut children = Children::default();
    for row in NetworkResources::KINDS {
        for live in ours(view.list(&resource(row), &key.namespace)?, key) {
            children.add(*row, live.into_value());
        }
    }
    Ok(children)
}

fn pods(view: &View, key: &Key) -> Result<Vec<Pod>, Failure> {
    ours(view.list(&resource_of::<Pod>(), &key.namespace)?, key).map(|live| live.parse()).collect()
}

fn ours(all: Vec<Live>, key: &Key) -> impl Iterator<Item = Live> {
    all.into_iter().filter(|live| live.label(labels::NETWORK) == Some(&key.name))
}

/// The provider that the spec names, and every other one that names this network.
fn providers(
    view: &View,
    network: &WickrNetwork,
    key: &Key,
) -> Result<(Option<Lookup<IdentityProvider>>, Vec<IdentityProvider>), Failure> {
    let all = view.list(&resource_of::<IdentityProvider>(), &key.namespace)?;
    let all: Vec<IdentityProvider> = all.iter().map(Live::parse).collect::<Result<_, _>>()?;
    let wanted = network.spec.sign_in.as_ref().map(|sign_in| sign_in.identity_provider_ref.name.as_str());
    let (named, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|provider| Some(provider.name_any().as_str()) == wanted);
    let named = named.into_iter().next().map_or(Lookup::Missing, Lookup::Found);
    let others = others.into_iter().filter(|provider| provider.spec.network_ref.name == key.name).collect();
    Ok((wanted.map(|_| named), others))
}

async fn public_tls(
    view: &View,
    network: &WickrNetwork,
    key: &Key,
) -> Result<Option<Lookup<GivenSecret>>, Failure> {
    let Some(secret) = &network.spec.exposure.tls.secret_ref else { return Ok(None) };
    let found = view.lookup::<Secret>(&Key::new(key.namespace.clone(), secret.name.clone())).await;
    let data = |secret: Secret| {
        let network = secret.labels().get(labels::NETWORK).cloned();
        let data = secret.data.unwrap_or_default();
        GivenSecret { data: data.into_iter().map(|(key, bytes)| (key, bytes.0)).collect(), network }
    };
    Ok(Some(lookup(found)?.map(data)))
}

/// What may not be read is a finding; what can't be read now fails the pass.
pub(crate) fn lookup<T>(found: Result<Option<T>, Failure>) -> Result<Lookup<T>, Failure> {
    match found {
        Ok(Some(object)) => Ok(Lookup::Found(object)),
        Ok(None) => Ok(Lookup::Missing),
        Err(failure) if failure.class() == Class::Forbidden => {
            Ok(Lookup::Unreadable(explain::failure(&failure, 0)))
        }
        Err(failure) => Err(failure),
    }
}

fn storage_classes(view: &View) -> Lookup<Vec<StorageClass>> {
    let all = view.list(&resource_of::<StorageClass>(), "");
    match all.and_then(|all| all.iter().map(Live::parse).collect()) {
        Ok(classes) => Lookup::Found(classes),
        Err(failure) => Lookup::Unreadable(explain::failure(&failure, 0)),
    }
}

/// The other networks that could be in the way: of the same namespace, or of the same domain.
pub(crate) fn neighbours(view: &View, network: &WickrNetwork, key: &Key) -> Result<Vec<Neighbour>, Failure> {
    let networks = resource_of::<WickrNetwork>();
    let mut near = view.list(&networks, &key.namespace)?;
    near.extend(view.find(&networks, &domain_word(&network.spec.domain))?);
    near.retain(|live| live.key() != *key);
    near.sort_by_key(Live::key);
    near.dedup_by_key(|live| live.key());
    near.iter()
        .map(|live| {
            let other: WickrNetwork = live.parse()?;
            Ok(Neighbour {
                namespace: live.key().namespace,
                name: live.key().name,
                uid: live.uid().to_owned(),
                domain: other.spec.domain,
                created: other.metadata.creation_timestamp.as_ref().map(millis).unwrap_or_default(),
            })
        })
        .collect()
}

/// What each target said last.
fn hear(seen: &mut NetworkSeen, poller: &Poller<Services>, key: &Key, targets: &[Target]) {
    for target in targets {
        let heard = poller.heard(key, target);
        match (&target.question, target.role) {
            (Question::Status(_), Role::Relay) => {
                let poll = poll(heard, |answer| match answer {
                    Answer::Relay(answer) => Some(RelayAnswer::clone(answer)),
                    Answer::Sso(_) | Answer::Public(_) => None,
                });
                seen.relay.insert(target.pod.clone(), poll);
            }
            (Question::Status(_), Role::Sso) => {
                seen.sso.insert(target.pod.clone(), sso(heard));
            }
            (Question::Document(_), role) => {
                let poll = poll(heard, |answer| match answer {
                    Answer::Public(answer) => Some(*answer),
                    Answer::Relay(_) | Answer::Sso(_) => None,
                });
                seen.public.insert(role, poll);
            }
        }
    }
}

/// What sso said last.
pub(crate) fn sso(heard: Heard<Answer>) -> Poll<SsoAnswer> {
    poll(heard, |answer| match answer {
        Answer::Sso(answer) => Some(SsoAnswer::clone(answer)),
        Answer::Relay(_) | Answer::Public(_) => None,
    })
}

fn poll<T>(heard: Heard<Answer>, pick: impl Fn(&Answer) -> Option<T>) -> Poll<T> {
    match heard {
        Heard::Never => Poll::Never,
        Heard::Failed { at, error } => Poll::Failed { at, error },
        Heard::Answered { at, answer } => {
            pick(&answer).map_or(Poll::Never, |answer| Poll::Answered { at, answer })
        }
    }
}

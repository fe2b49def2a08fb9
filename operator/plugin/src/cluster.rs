//! The cluster that kubectl would talk to, and the namespace that it would look into.

use anyhow::{Context as _, Result};
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::{Client, Config, Resource};

use crate::Place;

/// A client, and where to look.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// A namespace; `None` for all of them.
    pub(crate) namespace: Option<String>,
}

impl Cluster {
    /// By kubeconfig and context as given, else as kubectl finds them.
    pub(crate) async fn reach(place: &Place) -> Result<Self> {
        let options = KubeConfigOptions { context: place.context.clone(), ..KubeConfigOptions::default() };
        let config = match &place.kubeconfig {
            Some(file) => {
                let read = Kubeconfig::read_from(file).with_context(|| format!("reading \"{file}\""))?;
                Config::from_custom_kubeconfig(read, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let config = config.context("finding the cluster in the kubeconfig")?;
        let one = || place.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let namespace = (!place.all_namespaces).then(one);
        Ok(Self { client: Client::try_from(config).context("making a client")?, namespace })
    }

    /// The objects of a kind where we look.
    pub(crate) fn of<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Where we look, as it stands in a sentence.
    pub(crate) fn place(&self) -> String {
        self.namespace
            .as_ref()
            .map_or_else(|| "any namespace".to_owned(), |namespace| format!("namespace \"{namespace}\""))
    }
}

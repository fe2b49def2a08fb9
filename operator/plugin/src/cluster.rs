//! The cluster that kubectl would talk to, and the namespace that it would look into.

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::Place;

/// A client and a namespace.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
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
        let namespace = place.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok(Self { client: Client::try_from(config).context("making a client")?, namespace })
    }
}

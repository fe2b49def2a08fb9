//! The webhook beside the controllers: its certificate kept (`keeper`), its port served (`serve`); what it answers is
//! `wickr-operator-webhook`'s. Nothing here stops the controllers: they judge every object themselves.

mod keeper;
mod serve;

use std::net::SocketAddr;

pub use keeper::{KeepError, Keeper};
pub use serve::{LOOK_EVERY, Parts, run};

/// Where the webhook listens, and the objects that it is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Namespace of its Secret.
    pub namespace: String,
    /// The Secret with its certificate.
    pub secret: String,
    /// The ValidatingWebhookConfiguration, which is cluster-scoped.
    pub configuration: String,
    /// The name under which an API server calls it.
    pub host: String,
}

impl Settings {
    /// As the chart has it: Service and Secret `name` in `namespace`.
    pub fn new(listen: SocketAddr, namespace: &str, name: &str, configuration: &str) -> Self {
        Self {
            listen,
            namespace: namespace.to_owned(),
            secret: name.to_owned(),
            configuration: configuration.to_owned(),
            host: format!("{name}.{namespace}.svc"),
        }
    }
}

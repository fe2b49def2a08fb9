//! Whom the poller asks about a network: each pod's admin port, and each public listener through its Service.

use wickr_base::SpiffeId;
use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_core::{Role, network};
use wickr_operator_kube::Key;

/// One address and what is asked there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The network whose credentials are used.
    pub network: Key,
    /// The service.
    pub role: Role,
    /// Its pod, as conditions name it.
    pub pod: String,
    /// What is dialled.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What is asked.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// `GET /status` of the admin port; that workload must answer.
    Status(SpiffeId),
    /// The network document on the public port; a certificate for that name must be shown.
    Document(String),
}

/// Every target of a network.
pub fn targets(network: &WickrNetwork, key: &Key) -> Vec<Target> {
    let both = |service: network::ServiceTarget| {
        let admin = Target {
            network: key.clone(),
            role: service.role,
            pod: service.pod.clone(),
            host: service.host,
            port: service.port,
            question: Question::Status(service.spiffe),
        };
        let public = Target {
            host: service.public_host,
            port: service.public_port,
            question: Question::Document(service.hostname),
            ..admin.clone()
        };
        [admin, public]
    };
    network::targets(network).into_iter().flat_map(both).collect()
}

//! A network's spec after `validate`: parsed once, with nothing left that could be wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use wickr_base::{Domain, UnixMillis};
use wickr_operator_api::v1alpha1::PodPeer;
use wickr_policy::{Der, RootPin, ServiceUrl, Suite};

use super::KeySlot;
use super::sizing::Sizes;
use crate::{Names, Role};

/// A network as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidNetwork {
    /// Its place and the names made of it.
    pub names: Names,
    /// Who owns what it owns.
    pub owner: OwnerReference,
    /// Its name everywhere.
    pub domain: Domain,
    /// The cipher suite of its rooms.
    pub suite: Suite,
    /// What its services get.
    pub sizes: Sizes,
    /// Its volumes.
    pub storage: ValidStorage,
    /// Where clients reach it.
    pub exposure: ValidExposure,
    /// NetworkPolicies; `None` when they are disabled.
    pub isolation: Option<ValidIsolation>,
    /// How its keys are replaced.
    pub keys: ValidKeys,
    /// Whether data goes with it when it is deleted.
    pub removes_data: bool,
    /// Whether nothing may be changed.
    pub paused: bool,
    /// The root that is there.
    pub root: Option<RootPin>,
    /// The highest document number that its status has told of.
    pub highest_document: u64,
    /// The finalizers it has.
    pub finalizers: Vec<String>,
}

/// The volumes of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidStorage {
    /// The class; `None` for the cluster's default.
    pub class: Option<String>,
    /// As in `accessModes`.
    pub access_mode: &'static str,
    /// The storage classes there are; `None` when they can't be read.
    pub classes: Option<Vec<ClassFacts>>,
}

/// What matters of a storage class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFacts {
    /// Its name.
    pub name: String,
    /// Whether its volumes can grow.
    pub expandable: bool,
    /// Whether it is the cluster's default.
    pub default: bool,
}

/// Where clients reach a network.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidExposure {
    /// The name.
    pub hostname: String,
    /// The certificate.
    pub tls: PublicTlsSource,
    /// Port of the relay.
    pub relay_port: u16,
    /// Port of sso.
    pub sso_port: u16,
    /// What stands before them; none for ports of the nodes.
    pub load_balancer: Option<LoadBalancer>,
    /// The relay's address, as the document names it.
    pub relay: ServiceUrl,
    /// The address of sso, as the document names it.
    pub sso: ServiceUrl,
}

impl ValidExposure {
    /// Where clients find a role.
    pub fn port(&self, role: Role) -> u16 {
        match role {
            Role::Relay => self.relay_port,
            Role::Sso => self.sso_port,
        }
    }
}

/// What the load balancer's controller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Which of several.
    pub class: Option<String>,
    /// Annotations of the Service.
    pub annotations: BTreeMap<String, String>,
}

/// Where the public certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicTlsSource {
    /// From the workload issuer, kept by the operator.
    Managed,
    /// From a Secret of the customer's.
    Given {
        /// Its name.
        secret: String,
        /// The authorities that clients shall trust for it.
        anchors: Vec<Der>,
        /// When the certificate began.
        not_before: UnixMillis,
        /// When it ends.
        not_after: UnixMillis,
    },
}

/// How the keys of a network are replaced while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidKeys {
    /// Certificates of services and of the operator that are older are replaced.
    pub certificates: Option<UnixMillis>,
    /// The same for the document key.
    pub document_key: Option<UnixMillis>,
    /// The same for the workload issuer.
    pub workload_issuer: Option<UnixMillis>,
    /// The same for the document issuer.
    pub document_issuer: Option<UnixMillis>,
    /// The same for the device issuer.
    pub device_issuer: Option<UnixMillis>,
    /// How long an issuer and its successor are trusted side by side, before and after the change.
    pub overlap: Duration,
    /// How long a device issuer is trusted once its successor signs.
    pub device_overlap: Duration,
}

impl ValidKeys {
    /// The day that is named for a key.
    pub(super) fn rotate_after(&self, slot: KeySlot) -> Option<UnixMillis> {
        match slot {
            KeySlot::OperatorClient | KeySlot::Tls(_) | KeySlot::PublicTls => self.certificates,
            KeySlot::DocumentKey => self.document_key,
            KeySlot::WorkloadIssuer => self.workload_issuer,
            KeySlot::DocumentIssuer => self.document_issuer,
            KeySlot::DeviceIssuer => self.device_issuer,
            KeySlot::Root | KeySlot::ExternalSender | KeySlot::SsoSeal | KeySlot::Next(_) => None,
        }
    }
}

/// Whom the network's pods may reach and be reached by.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidIsolation {
    /// The DNS servers.
    pub dns: PodPeer,
    /// Who scrapes metrics.
    pub monitoring: Option<PodPeer>,
    /// Where identity providers are, in use and to come.
    pub providers: Vec<ProviderReach>,
}

/// Where an identity provider is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderReach {
    /// Its addresses; empty for any address.
    pub cidrs: Vec<String>,
    /// Its port.
    pub port: u16,
}

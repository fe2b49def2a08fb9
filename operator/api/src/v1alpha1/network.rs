//! `WickrNetwork`, the spec (its status: `network_status`; who may reach its pods: `network_isolation`; its keys:
//! `network_keys`).

use std::collections::BTreeMap;

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Isolation, Keys, LocalReference, WickrNetworkStatus};

/// One organisation's network: its keys, its relay and its sign-in service, in one namespace.
///
/// One network per namespace and one per domain in a cluster; of two that claim the same, the younger is refused.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube = "::kube_derive", kube_core = "::kube_core"),
    attr = "x_kube(crates(kube_core = \"::kube_core\"))",
    group = "wickr.dev",
    version = "v1alpha1",
    kind = "WickrNetwork",
    plural = "wickrnetworks",
    singular = "wickrnetwork",
    shortname = "wn",
    category = "wickr",
    namespaced,
    status = "WickrNetworkStatus",
    derive = "PartialEq",
    doc = "One organisation's network: its keys, its relay and its sign-in service, in one namespace. One network per namespace and one per domain in a cluster; of two that claim the same, the younger is refused.",
    validation = Rule::new("self.metadata.name.size() <= 40").message("a network's name has at most 40 characters, because the names of its objects are made from it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", description = "Whether a client can sign in and deliver a message now"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why it is or is not Ready"),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users", description = "People in the directory"),
    printcolumn(name = "Join", type_ = "string", json_path = ".status.join", priority = 1, description = "What a person gives to `wickr login`"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.domain == oldSelf.domain").message("domain is immutable: it is part of every identity of the network").field_path(".domain")
)]
#[serde(rename_all = "camelCase")]
pub struct WickrNetworkSpec {
    /// The network's name everywhere: part of every user, device, room and certificate. A DNS name in lower case that the organisation owns. Immutable.
    #[schemars(length(min = 3, max = 253), regex(pattern = super::schema::DOMAIN))]
    pub domain: String,
    /// How many people the network is meant for; the services' memory, CPU and volumes are sized from it.
    #[serde(default)]
    pub capacity: Capacity,
    /// How messages are encrypted.
    #[serde(default)]
    pub cryptography: Cryptography,
    /// Where the services keep what they store.
    pub storage: Storage,
    /// Where clients reach the services.
    pub exposure: Exposure,
    /// How people sign in. Without it nobody can, and the network is not Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
    /// Who may reach the network's pods.
    #[serde(default)]
    pub isolation: Isolation,
    /// How the network's keys are replaced while it runs.
    #[serde(default)]
    pub keys: Keys,
    /// What becomes of keys and data when the network is deleted. Default Retain.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops every change to the network's objects; what runs goes on running and status goes on telling the truth. Default false.
    #[serde(default)]
    pub paused: bool,
}

/// How many people a network is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// People with an account, each with up to three devices. From 1 to 100000, default 500. Status explains the sizes made of it.
    #[schemars(range(min = 1, max = 100_000))]
    pub users: i32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { users: 500 }
    }
}

/// How messages are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Cryptography {
    /// The MLS cipher suite of every room and device. It can't change, because certificates and rooms are made for it. Default P256.
    #[serde(default)]
    pub suite: Suite,
}

/// MLS cipher suites (RFC 9420 section 17.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Suite {
    /// MLS_128_DHKEMP256_AES128GCM_SHA256_P256 (number 2).
    #[default]
    P256,
}

/// Where the services keep what they store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// On a volume of each service, one replica each: draining its node interrupts the network until the pod runs elsewhere.
    pub embedded: EmbeddedStorage,
}

/// Volumes, one per service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0").message("storage.embedded.size grows, never shrinks: a volume can't be made smaller").field_path(".size"),
    validation = Rule::new("has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)").message("storage.embedded.storageClassName is immutable: a volume can't change its class"),
    validation = Rule::new("self.accessMode == oldSelf.accessMode").message("storage.embedded.accessMode is immutable: a volume can't change it").field_path(".accessMode")
)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedStorage {
    /// Size of the relay's volume, for example 20Gi; sign-in gets a tenth of it, at least 1Gi but no more than the relay. Grows, never shrinks.
    #[schemars(length(max = 8), regex(pattern = super::schema::SIZE))]
    pub size: String,
    /// The storage class of the volumes; the cluster's default class when absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = super::schema::NAME))]
    pub storage_class_name: Option<String>,
    /// How the volumes are attached. Immutable. Default ReadWriteOnce.
    #[serde(default)]
    pub access_mode: AccessMode,
}

/// How a volume is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// By one node at a time; a lock file keeps a second process out.
    #[default]
    ReadWriteOnce,
    /// By one pod at a time; the storage class must support it.
    ReadWriteOncePod,
}

/// Where clients reach the services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The DNS name that clients use, for relay and sign-in alike; it resolves to the nodes, or to the load balancer.
    #[schemars(length(min = 3, max = 253), regex(pattern = super::schema::DOMAIN))]
    pub hostname: String,
    /// The certificate that the services show to clients. Default managed.
    #[serde(default)]
    pub tls: PublicTls,
    /// How the cluster exposes them.
    pub service: PublicService,
}

/// The certificate for the public hostname: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.managed) != has(self.secretRef)").message("exposure.tls takes exactly one of managed and secretRef")
)]
#[serde(rename_all = "camelCase")]
pub struct PublicTls {
    /// Issued and renewed by the operator under the network's own root; clients learn to trust it when they join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedTls>,
    /// A Secret of type kubernetes.io/tls with tls.crt, tls.key and, in ca.crt, the authorities that clients shall trust for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
}

impl Default for PublicTls {
    fn default() -> Self {
        Self { managed: Some(ManagedTls {}), secret_ref: None }
    }
}

/// A certificate kept by the operator; it has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ManagedTls {}

/// How the cluster exposes the services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.relayPort != self.ssoPort").message("relayPort and ssoPort are different ports").field_path(".ssoPort"),
    validation = Rule::new("self.type == 'LoadBalancer' || !has(self.loadBalancerClass)").message("loadBalancerClass is for type LoadBalancer").field_path(".loadBalancerClass"),
    validation = Rule::new("self.type == 'LoadBalancer' || !has(self.annotations)").message("annotations are for type LoadBalancer").field_path(".annotations"),
    validation = Rule::new("self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || (has(self.loadBalancerClass) == has(oldSelf.loadBalancerClass) && (!has(self.loadBalancerClass) || self.loadBalancerClass == oldSelf.loadBalancerClass))").message("loadBalancerClass is immutable: a load balancer can't change its class; make it NodePort first")
)]
#[serde(rename_all = "camelCase")]
pub struct PublicService {
    /// The kind of Service. Default NodePort.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
    /// The port of the relay, on every node or at the load balancer; it stands in the address that clients join by.
    #[schemars(range(min = 1, max = 65_535))]
    pub relay_port: i32,
    /// The port of sign-in, at the same place.
    #[schemars(range(min = 1, max = 65_535))]
    pub sso_port: i32,
    /// Of several kinds of load balancer in the cluster, the one to use. Default: the cluster's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub load_balancer_class: Option<String>,
    /// What the load balancer's controller is told, by annotations of the Service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
}

/// Kinds of Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// A fixed port on every node.
    #[default]
    NodePort,
    /// One address outside the cluster for both services, given by whoever runs load balancers in it.
    LoadBalancer,
}

/// How people sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// The IdentityProvider to use. It names this network in turn; a new one goes live after its rehearsal.
    pub identity_provider_ref: LocalReference,
}

/// What becomes of keys and data when a network is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Root, issuers, external sender, sealing key and volumes stay; a network of the same name and domain takes them up again.
    #[default]
    Retain,
    /// They are deleted with the network. Nothing can be read afterwards.
    Delete,
}

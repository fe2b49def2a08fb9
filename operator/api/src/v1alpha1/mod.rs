//! Version `v1alpha1`: one file per kind and per status; what both kinds use is in `reference` and `schema`.

#![expect(clippy::duplicated_attributes, reason = "printer columns repeat the same keys")]
#![expect(unreachable_pub, reason = "KubeSchema repeats each struct inside a function")]

mod identity_provider;
mod identity_provider_status;
mod network;
mod network_isolation;
mod network_keys;
mod network_status;
mod reference;
mod schema;

pub use identity_provider::{Claims, IdentityProvider, IdentityProviderSpec};
pub use identity_provider_status::{
    IdentityProviderStatus, LastRehearsal, ProviderInForce, RehearsalCheckResult,
};
pub use network::{
    AccessMode, Capacity, Cryptography, DeletionPolicy, EmbeddedStorage, Exposure, ManagedTls, PublicService,
    PublicTls, ServiceType, SignIn, Storage, Suite, WickrNetwork, WickrNetworkSpec,
};
pub use network_isolation::{Isolation, LabelSelector, NetworkPolicyMode, PodPeer};
pub use network_keys::{Keys, RotateAfter};
pub use network_status::{
    CryptographyStatus, DocumentStatus, Endpoints, KeyPhase, KeyStatus, Sizing, Waiting, WickrNetworkStatus,
};
pub use reference::{ConfigMapKeyReference, LocalReference, SecretKeyReference};

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

//! What a network's spec points at, and the other networks: gathered by the driver, judged by `validate`.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::storage::v1::StorageClass;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_policy::RootPin;

use crate::Lookup;

/// A Secret's data.
pub type SecretData = BTreeMap<String, Vec<u8>>;

/// A Secret that a spec names.
#[derive(Clone, PartialEq)]
pub struct GivenSecret {
    /// Its data.
    pub data: SecretData,
    /// Its label `wickr.dev/network`: such a Secret holds keys that only the operator hands out.
    pub network: Option<String>,
}

/// Names of keys only: there is a private key in it.
impl fmt::Debug for GivenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.data.keys()).finish()
    }
}

/// What a network's spec points at.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkRefs {
    /// `spec.signIn.identityProviderRef`; `None` when the spec names none.
    pub provider: Option<Lookup<IdentityProvider>>,
    /// Every other IdentityProvider whose `spec.networkRef` names this network.
    pub other_providers: Vec<IdentityProvider>,
    /// `spec.exposure.tls.secretRef`, read by name; `None` when the spec names none.
    pub public_tls: Option<Lookup<GivenSecret>>,
    /// Every storage class.
    pub storage_classes: Lookup<Vec<StorageClass>>,
    /// Every other network that the operator can see, being deleted or not.
    pub neighbours: Vec<Neighbour>,
    /// The root that is there, as `NetworkSeen::root` has it.
    pub root: Option<RootPin>,
}

/// Another network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its domain.
    pub domain: String,
    /// When it was created.
    pub created: UnixMillis,
}

impl Default for NetworkRefs {
    fn default() -> Self {
        Self {
            provider: None,
            other_providers: Vec::new(),
            public_tls: None,
            storage_classes: Lookup::Found(Vec::new()),
            neighbours: Vec::new(),
            root: None,
        }
    }
}

//! `IdentityProvider`, the spec (its status: `identity_provider_status`).

use kube_derive::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{ConfigMapKeyReference, IdentityProviderStatus, LocalReference, SecretKeyReference};

/// An OpenID Connect provider that the people of a network sign in at.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "wickr.dev",
    version = "v1alpha1",
    kind = "IdentityProvider",
    plural = "identityproviders",
    singular = "identityprovider",
    shortname = "widp",
    category = "wickr",
    namespaced,
    status = "IdentityProviderStatus",
    derive = "PartialEq",
    doc = "An OpenID Connect provider that the people of a network sign in at. A change is rehearsed by the network's sign-in service before it goes live; when the rehearsal fails, the last good one stays in service.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether people can sign in at it now"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is or is not Ready"
    ),
    printcolumn(
        name = "Network",
        type_ = "string",
        json_path = ".spec.networkRef.name",
        description = "The network it serves"
    ),
    printcolumn(
        name = "Issuer",
        type_ = "string",
        json_path = ".spec.issuer",
        priority = 1,
        description = "The provider's issuer"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.networkRef == oldSelf.networkRef").message("networkRef is immutable: make another IdentityProvider for another network").field_path(".networkRef"),
    validation = Rule::new("'openid' in self.scopes").message("scopes must contain openid (OpenID Connect Core section 3.1.2.1)").field_path(".scopes"),
    validation = Rule::new("duration(self.refreshGrace) <= duration('720h')").message("refreshGrace is at most 720h: nobody stays signed in longer without the provider's word").field_path(".refreshGrace"),
    validation = Rule::new("!has(self.cidrs) || self.cidrs.all(c, isCIDR(c))").message("cidrs are written as ADDRESS/BITS, like 10.250.0.1/32").field_path(".cidrs")
)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderSpec {
    /// The network of the same namespace that it serves; that one names it in spec.signIn. Immutable.
    pub network_ref: LocalReference,
    /// The issuer, exactly as the provider writes it into its tokens. An https URL without query and fragment; discovery is read below it.
    #[schemars(length(min = 12, max = 512), regex(pattern = r"^https://[^/?#@\s]+(/[^?#\s]*)?$"))]
    pub issuer: String,
    /// The client that the provider knows the network as.
    #[schemars(length(min = 1, max = 256))]
    pub client_id: String,
    /// The client's secret.
    pub client_secret_ref: SecretKeyReference,
    /// Authorities (PEM, in a ConfigMap) that the provider's certificate is checked against. Absent: the public ones of the services' image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<ConfigMapKeyReference>,
    /// Where the provider's addresses lie; sign-in may reach exactly these, on the issuer's port. Empty: any address on that port, and the network's condition NetworkIsolation says so. Names are never resolved into policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 3, max = 49), regex(pattern = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cidrs: Vec<String>,
    /// Scopes that are asked for; openid must be among them. With offline_access, signing out in the browser doesn't end the session here. Default openid, profile, offline_access.
    #[serde(default = "scopes")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 64), regex(pattern = r"^[!#-\[\]-~]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Vec<String>,
    /// Which claims are read.
    #[serde(default)]
    pub claims: Claims,
    /// How long people stay signed in while the provider can't be asked, as one number and one of ms, s, m, h; at most 720h. Default 60m.
    #[serde(default = "refresh_grace")]
    #[schemars(length(min = 2, max = 8), regex(pattern = super::schema::DURATION))]
    pub refresh_grace: String,
}

/// Which claims of the ID token are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The claim that becomes the part of the handle before the @. Default preferred_username.
    #[serde(default = "username")]
    #[schemars(length(min = 1, max = 128))]
    pub username: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self { username: username() }
    }
}

fn username() -> String {
    "preferred_username".to_owned()
}

fn scopes() -> Vec<String> {
    ["openid", "profile", "offline_access"].map(str::to_owned).to_vec()
}

fn refresh_grace() -> String {
    "60m".to_owned()
}

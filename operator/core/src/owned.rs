//! The table of owned kinds: one line per kind gives struct, apply order, watches, prune and RBAC (reads: `reads`).

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A kind as the API server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindRow {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// As in `kind:`.
    pub kind: &'static str,
    /// As in URLs and RBAC.
    pub plural: &'static str,
}

impl KindRow {
    /// The row of a kind that k8s-openapi knows.
    pub const fn of<K: k8s_openapi::Resource>() -> Self {
        Self { group: K::GROUP, version: K::VERSION, kind: K::KIND, plural: K::URL_PATH_SEGMENT }
    }

    /// As in `apiVersion:`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// A namespaced kind that a network may own.
pub trait OwnedKind:
    k8s_openapi::Resource + k8s_openapi::Metadata<Ty = ObjectMeta> + Serialize + DeserializeOwned + Clone + Send
{
    /// Its row.
    const ROW: KindRow = KindRow::of::<Self>();
}

/// Something done once per owned kind, such as setting up its watch.
pub trait EachKind {
    /// Called in apply order.
    fn kind<K: OwnedKind>(&mut self);
}

/// An object of some owned kind, as it will be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its kind.
    pub kind: KindRow,
    /// Its name.
    pub name: String,
    /// The whole object.
    pub body: Value,
}

macro_rules! owned {
    ($(#[$doc:meta])* $table:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $table { $($(#[$field_doc])* pub $field: Vec<$kind>,)* }

        impl $table {
            /// The kinds, in apply order.
            pub const KINDS: &'static [KindRow] = &[$(KindRow::of::<$kind>(),)*];

            /// Calls back once per kind, in apply order.
            pub fn kinds(each: &mut impl EachKind) {
                $(each.kind::<$kind>();)*
            }

            /// Every object as it will be sent, in apply order.
            pub fn into_wanted(self) -> Vec<Wanted> {
                let mut out = Vec::new();
                $(out.extend(self.$field.iter().map(wanted));)*
                out
            }
        }

        $(impl OwnedKind for $kind {})*
    };
}

owned! {
    /// Everything that a network owns, in apply order: what pods need comes before the pods.
    NetworkResources {
        /// Identities of the pods; without a token.
        service_accounts: ServiceAccount,
        /// Keys. Made in apply, never built: this list stays empty.
        secrets: Secret,
        /// Configuration files, and the signed document.
        config_maps: ConfigMap,
        /// Admin, public and metrics addresses.
        services: Service,
        /// Who may call whom.
        network_policies: NetworkPolicy,
        /// Volumes; they outlive the network.
        persistent_volume_claims: PersistentVolumeClaim,
        /// Relay and sso.
        stateful_sets: StatefulSet,
    }
}

/// An object with its kind. One without a name or a JSON form would be pruned where it stands: that ends the pass.
#[expect(
    clippy::expect_used,
    reason = "build names every object, and k8s-openapi's types are maps with text keys"
)]
pub(crate) fn wanted<K: OwnedKind>(object: &K) -> Wanted {
    let name = object.metadata().name.clone().expect("every object that is built has a name");
    let body = serde_json::to_value(object).expect("every object that is built has a JSON form");
    Wanted { kind: K::ROW, name, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "every object that is built has a name")]
    fn an_object_that_cannot_be_sent_ends_the_pass_instead_of_being_pruned() {
        let services = vec![Service::default()];
        NetworkResources { services, ..NetworkResources::default() }.into_wanted();
    }

    #[test]
    fn pods_come_last_because_they_mount_everything_else() {
        let kinds: Vec<&str> = NetworkResources::KINDS.iter().map(|row| row.kind).collect();
        assert_eq!(kinds.last(), Some(&"StatefulSet"));
        let at = |kind: &str| kinds.iter().position(|found| *found == kind).unwrap();
        assert!(at("NetworkPolicy") < at("StatefulSet") && at("PersistentVolumeClaim") < at("StatefulSet"));
    }
}

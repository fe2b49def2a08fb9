//! Objects without their Rust type: names for messages, live objects as JSON (their cache: `cache`).

use std::fmt;

use kube::core::{ApiResource, DynamicObject};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;

/// Where an object stands within its kind; an empty namespace for a cluster-scoped one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace, empty for a cluster-scoped object.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The object called `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// An object as a person names it: `Secret hq/hq-root`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The kind, as in `kind:`.
    pub kind: String,
    /// The resource as RBAC names it: plural, with the group behind a dot unless it is the core group.
    pub resource: String,
    /// Where it stands.
    pub key: Key,
}

impl ObjectName {
    /// The object at `key` among those of `resource`.
    pub fn new(resource: &ApiResource, key: Key) -> Self {
        let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
        Self { kind: resource.kind.clone(), resource: format!("{}{group}", resource.plural), key }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}

/// An object as the API server last showed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    resource: ApiResource,
    value: Value,
}

impl Live {
    /// Takes in what the API server answered.
    pub fn new(resource: &ApiResource, object: &DynamicObject) -> Result<Self, Failure> {
        let key = Key::new(
            object.metadata.namespace.clone().unwrap_or_default(),
            object.metadata.name.clone().unwrap_or_default(),
        );
        let value = serde_json::to_value(object)
            .map_err(|source| Failure::Unreadable { object: ObjectName::new(resource, key), source })?;
        Ok(Self::from_value(resource, value))
    }

    /// From its JSON.
    pub fn from_value(resource: &ApiResource, value: Value) -> Self {
        Self { resource: resource.clone(), value }
    }

    /// Its kind.
    pub fn resource(&self) -> &ApiResource {
        &self.resource
    }

    /// The whole object.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The whole object, taken out.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The whole object, to be changed before it is kept.
    pub(crate) fn value_mut(&mut self) -> &mut Value {
        &mut self.value
    }

    /// Where it stands.
    pub fn key(&self) -> Key {
        Key::new(self.meta("namespace"), self.meta("name"))
    }

    /// Its name for people.
    pub fn name(&self) -> ObjectName {
        ObjectName::new(&self.resource, self.key())
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.meta("uid")
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> &str {
        self.meta("resourceVersion")
    }

    /// The resource version as a number: comparable within a resource since Kubernetes 1.35 (KEP-5504).
    pub fn version(&self) -> u64 {
        self.resource_version().parse().unwrap_or(u64::MAX)
    }

    /// Whether it is being deleted.
    pub fn deleting(&self) -> bool {
        !self.meta("deletionTimestamp").is_empty()
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["labels"].get(key).and_then(Value::as_str)
    }

    /// The uid of each owner.
    pub fn owner_uids(&self) -> impl Iterator<Item = &str> {
        self.value["metadata"]["ownerReferences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|owner| owner["uid"].as_str())
    }

    /// The finalizers.
    pub fn finalizers(&self) -> Vec<&str> {
        let list = self.value["metadata"]["finalizers"].as_array();
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Its Rust form.
    pub fn parse<K: DeserializeOwned>(&self) -> Result<K, Failure> {
        K::deserialize(&self.value).map_err(|source| Failure::Unreadable { object: self.name(), source })
    }

    fn meta(&self, field: &str) -> &str {
        self.value["metadata"][field].as_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::StatefulSet;

    #[test]
    fn a_name_reads_as_kind_namespace_and_name_and_knows_the_rbac_resource() {
        let name = ObjectName::new(&ApiResource::erase::<StatefulSet>(&()), Key::new("hq", "hq-relay"));
        assert_eq!(name.to_string(), "StatefulSet hq/hq-relay");
        assert_eq!(name.resource, "statefulsets.apps");
    }
}

//! The live children of a network as the driver's caches hold them: whole objects as JSON, with managed fields.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::{KindRow, OwnedKind};

/// Objects of one namespace that carry a network's label, by kind and name.
#[derive(Clone, Default, PartialEq)]
pub struct Live(BTreeMap<(KindRow, String), Value>);

impl Live {
    /// Adds an object; `kind` is one of `NetworkResources::KINDS`.
    pub fn add(&mut self, kind: KindRow, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.0.insert((kind, name), object);
    }

    /// The object of that kind and name, as JSON.
    pub fn value(&self, kind: KindRow, name: &str) -> Option<&Value> {
        self.0.get(&(kind, name.to_owned()))
    }

    /// The object of that kind and name, as its type.
    pub fn get<K: OwnedKind>(&self, name: &str) -> Option<K> {
        self.value(K::ROW, name).and_then(|value| K::deserialize(value).ok())
    }

    /// Every object.
    pub fn iter(&self) -> impl Iterator<Item = (&KindRow, &str, &Value)> {
        self.0.iter().map(|((kind, name), value)| (kind, name.as_str(), value))
    }
}

/// Names only: there are private keys among the objects.
impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(kind, name, _)| format!("{} {name}", kind.kind))).finish()
    }
}

/// A label of a live object.
pub(crate) fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object["metadata"]["labels"].get(label).and_then(Value::as_str)
}

/// An annotation of a live object.
pub(crate) fn annotation<'a>(object: &'a Value, annotation: &str) -> Option<&'a str> {
    object["metadata"]["annotations"].get(annotation).and_then(Value::as_str)
}

/// Whether a live object is being deleted.
pub(crate) fn is_going(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Whether one of a live object's owners has that uid.
pub(crate) fn is_owned_by(object: &Value, uid: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
}

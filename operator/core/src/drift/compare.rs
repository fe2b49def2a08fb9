//! Whether an apply would change anything: what we want against what we own of the live object.

use std::fmt;

use serde_json::{Map, Value};

use super::fields;
use super::quantity::same_amount;

/// The first field found that an apply would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Where, like `.spec.ports[{"port":443}].nodePort`.
    pub path: String,
    /// In which way.
    pub kind: DriftKind,
}

/// In which way a field differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftKind {
    /// It has another value, or none.
    Value,
    /// We want it and don't own it: it is new, or somebody took it over.
    NotOurs,
    /// We own it and don't want it any more.
    Unwanted,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DriftKind::Value => "differs",
            DriftKind::NotOurs => "is not ours yet",
            DriftKind::Unwanted => "is not wanted any more",
        };
        write!(f, "{} {what}", self.path)
    }
}

/// Compares `want` with the fields that `manager` owns in `live` (of `subresource`, `""` for the object itself).
///
/// Exact, because the API server's own field sets tell which lists are keyed, which are one value, and whether
/// somebody else has changed a field of ours since (ownership moves with the change). Fields that others added
/// are no drift. `None` means that an apply would change nothing.
///
/// One thing can't be told: an object that was only created so far is owned with the API server's defaults, so a
/// field that is wanted no more looks like one of them. What is built therefore carries a hash of itself.
pub fn drift(want: &Value, live: &Value, manager: &str, subresource: &str) -> Option<Drift> {
    let fields = fields::claimed(want, live, manager, subresource);
    let walk = Walk { path: String::new(), root: true, metadata: false };
    walk.object(&fields, want.as_object()?, live)
}

/// Part of an object's identity, never of a field set.
const IDENTITY: &[&str] = &["apiVersion", "kind"];
const META_IDENTITY: &[&str] =
    &["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"];

struct Walk {
    path: String,
    root: bool,
    metadata: bool,
}

impl Walk {
    fn below(&self, name: &str) -> Self {
        Self { path: format!("{}.{name}", self.path), root: false, metadata: self.root && name == "metadata" }
    }

    fn at(&self, kind: DriftKind) -> Drift {
        let path = if self.path.is_empty() { ".".to_owned() } else { self.path.clone() };
        Drift { path, kind }
    }

    fn is_identity(&self, name: &str) -> bool {
        (self.root && IDENTITY.contains(&name)) || (self.metadata && META_IDENTITY.contains(&name))
    }

    fn value(&self, fields: &Map<String, Value>, want: &Value, live: &Value) -> Option<Drift> {
        if fields.keys().all(|key| key == ".") {
            return if covers(want, live) { None } else { Some(self.at(DriftKind::Value)) };
        }
        match want {
            Value::Object(want) => self.object(fields, want, live),
            Value::Array(want) => self.list(fields, want, live),
            _ => Some(self.at(DriftKind::Value)),
        }
    }

    fn object(&self, fields: &Map<String, Value>, want: &Map<String, Value>, live: &Value) -> Option<Drift> {
        for (key, below) in fields {
            let Some(name) = key.strip_prefix("f:") else { continue };
            let next = self.below(name);
            let Some(wanted) = want.get(name).filter(|value| !value.is_null()) else {
                return Some(next.at(DriftKind::Unwanted));
            };
            let found = live.get(name).unwrap_or(&Value::Null);
            let below = below.as_object().cloned().unwrap_or_default();
            if let Some(drift) = next.value(&below, wanted, found) {
                return Some(drift);
            }
        }
        for (name, wanted) in want {
            if fields.contains_key(&format!("f:{name}")) || self.is_identity(name) {
                continue;
            }
            // The API server drops empty lists and maps: none there and none wanted is no difference.
            let none_at_all = is_empty(wanted) && live.get(name).is_none_or(is_empty);
            if !none_at_all && !self.holds_identity(name, wanted) {
                return Some(self.below(name).at(DriftKind::NotOurs));
            }
        }
        None
    }

    /// `metadata` with nothing but a name in it owns no field.
    fn holds_identity(&self, name: &str, wanted: &Value) -> bool {
        self.root
            && name == "metadata"
            && wanted.as_object().is_some_and(|meta| {
                meta.iter().all(|(key, value)| META_IDENTITY.contains(&key.as_str()) || is_empty(value))
            })
    }

    fn list(&self, fields: &Map<String, Value>, want: &[Value], live: &Value) -> Option<Drift> {
        let found = live.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut matched = vec![false; want.len()];
        for (key, below) in fields.iter().filter(|(key, _)| key.starts_with("k:") || key.starts_with("v:")) {
            let next = Self { path: format!("{}[{}]", self.path, &key[2..]), root: false, metadata: false };
            let Some(at) = fields::entry_at(key, want) else { return Some(next.at(DriftKind::Unwanted)) };
            matched[at] = true;
            let found = fields::entry_at(key, found).map_or(&Value::Null, |at| &found[at]);
            let below = below.as_object().cloned().unwrap_or_default();
            if let Some(drift) = next.value(&below, &want[at], found) {
                return Some(drift);
            }
        }
        let at = matched.iter().position(|matched| !matched)?;
        let next = Self { path: format!("{}[{at}]", self.path), root: false, metadata: false };
        Some(next.at(DriftKind::NotOurs))
    }
}

/// Whether `live` shows `want`: maps may hold more (defaults of a value that is owned as a whole), lists may not.
fn covers(want: &Value, live: &Value) -> bool {
    match (want, live) {
        (Value::Object(want), Value::Object(live)) => want.iter().all(|(name, value)| {
            live.get(name).map_or_else(|| is_empty(value), |found| covers(value, found))
        }),
        (Value::Array(want), Value::Array(live)) => {
            want.len() == live.len() && want.iter().zip(live).all(|(want, live)| covers(want, live))
        }
        (Value::String(want), Value::String(live)) => want == live || same_amount(want, live),
        (Value::Number(want), Value::Number(live)) => want == live || want.as_f64() == live.as_f64(),
        (want, live) => want == live || (is_empty(want) && live.is_null()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(fields: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "relay", "namespace": "hq", "uid": "1", "resourceVersion": "7",
                "labels": {"wickr.dev/network": "hq", "team": "theirs"},
                "managedFields": [{"manager": "wickr-network", "operation": "Apply", "fieldsV1": fields}],
            },
            "spec": {
                "clusterIP": "10.0.0.1", "selector": {"role": "relay"}, "type": "NodePort",
                "ports": [
                    {"port": 8443, "protocol": "TCP", "name": "public", "nodePort": 30443, "targetPort": 8443},
                    {"port": 1, "protocol": "TCP", "name": "theirs", "targetPort": 1},
                ],
            },
        })
    }

    fn ours() -> Value {
        json!({
            "f:metadata": {"f:labels": {".": {}, "f:wickr.dev/network": {}}},
            "f:spec": {
                "f:selector": {}, "f:type": {},
                "f:ports": {".": {}, "k:{\"port\":8443,\"protocol\":\"TCP\"}":
                    {".": {}, "f:name": {}, "f:nodePort": {}, "f:port": {}}},
            },
        })
    }

    fn want() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "relay", "namespace": "hq", "labels": {"wickr.dev/network": "hq"}, "annotations": {}},
            "spec": {"selector": {"role": "relay"}, "type": "NodePort",
                     "ports": [{"port": 8443, "name": "public", "nodePort": 30443}]},
        })
    }

    fn found(change: impl Fn(&mut Value, &mut Value, &mut Value)) -> Option<String> {
        let (mut want, mut fields) = (want(), ours());
        let mut live = service(&Value::Null);
        change(&mut want, &mut live, &mut fields);
        live["metadata"]["managedFields"][0]["fieldsV1"] = fields;
        drift(&want, &live, "wickr-network", "").map(|drift| drift.to_string())
    }

    #[test]
    fn defaults_and_fields_of_others_are_no_drift() {
        assert_eq!(found(|_, _, _| {}), None);
    }

    #[test]
    fn another_value_a_lost_field_and_a_dropped_field_are_each_found_with_their_path() {
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(found(|want, _, _| want["spec"]["type"] = "ClusterIP".into()), told(".spec.type differs"));
        assert_eq!(
            found(|_, live, _| live["spec"]["selector"] = json!({"role": "x"})),
            told(".spec.selector differs")
        );
        assert_eq!(
            found(|_, _, fields| {
                fields["f:spec"].as_object_mut().unwrap().remove("f:type");
            }),
            told(".spec.type is not ours yet")
        );
        assert_eq!(
            found(|want, _, _| {
                want["metadata"]["labels"].as_object_mut().unwrap().clear();
            }),
            told(".metadata.labels.wickr.dev/network is not wanted any more")
        );
        assert_eq!(
            found(|want, _, _| {
                want["spec"]["ports"].as_array_mut().unwrap().push(json!({"port": 2}));
            }),
            told(".spec.ports[1] is not ours yet")
        );
        assert_eq!(
            found(|want, _, _| want["spec"]["ports"][0]["nodePort"] = 30444.into()),
            told(".spec.ports[{\"port\":8443,\"protocol\":\"TCP\"}].nodePort differs")
        );
    }

    #[test]
    fn defaults_that_came_with_a_create_are_no_drift_but_a_foreign_value_is() {
        let live = |kind: &str| {
            json!({"metadata": {"managedFields": [{"manager": "m", "operation": "Update",
                "fieldsV1": {"f:spec": {"f:type": {}, "f:sessionAffinity": {}}}}]},
                "spec": {"type": kind, "sessionAffinity": "None"}})
        };
        let want = json!({"spec": {"type": "NodePort"}});
        assert_eq!(drift(&want, &live("NodePort"), "m", ""), None);
        assert_eq!(drift(&want, &live("ClusterIP"), "m", "").unwrap().path, ".spec.type");
    }

    #[test]
    fn an_entry_added_to_a_list_that_is_one_value_is_drift() {
        let fields = json!({"f:spec": {"f:ingress": {}}});
        let live = |ingress: Value| {
            json!({"metadata": {"managedFields": [{"manager": "m", "operation": "Apply", "fieldsV1": fields}]},
                   "spec": {"ingress": ingress}})
        };
        let want = json!({"spec": {"ingress": [{"ports": [{"port": 8443}]}]}});
        assert_eq!(
            drift(&want, &live(json!([{"ports": [{"port": 8443, "protocol": "TCP"}]}])), "m", ""),
            None
        );
        let more = live(json!([{"ports": [{"port": 8443}]}, {"from": []}]));
        assert_eq!(drift(&want, &more, "m", "").unwrap().path, ".spec.ingress");
    }

    #[test]
    fn amounts_are_compared_as_amounts() {
        let live = json!({"metadata": {"managedFields": [{"manager": "m", "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:cpu": {}}}}]}, "spec": {"cpu": "1"}});
        assert_eq!(drift(&json!({"spec": {"cpu": "1000m"}}), &live, "m", ""), None);
        assert!(drift(&json!({"spec": {"cpu": "2"}}), &live, "m", "").is_some());
    }

    #[test]
    fn an_empty_want_over_somebody_elses_value_is_drift() {
        let live =
            json!({"metadata": {"managedFields": []}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}});
        assert!(drift(&json!({"spec": {"podSelector": {}}}), &live, "m", "").is_some());
    }
}

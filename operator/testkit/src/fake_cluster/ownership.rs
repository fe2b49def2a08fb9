//! Field sets as an API server keeps them, from a short list of what its schemas say (merged in `apply`).

use serde_json::{Map, Value, json};

/// How the entries of a list are told apart, by the field that holds it.
pub(super) fn keys_of(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" | "checks" | "webhooks" => {
            &["name"]
        }
        "volumeMounts" => &["mountPath"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "sizing" => &["service"],
        _ => return None,
    })
}

/// Service and container ports have different keys under the same name.
pub(super) fn port_keys(entry: &Value) -> &'static [&'static str] {
    if entry.get("containerPort").is_some() { &["containerPort", "protocol"] } else { &["port", "protocol"] }
}

/// Structs that are one value.
fn is_one_value(field: &str) -> bool {
    matches!(
        field,
        "selector"
            | "podSelector"
            | "namespaceSelector"
            | "labelSelector"
            | "fieldRef"
            | "secretKeyRef"
            | "configMapKeyRef"
    )
}

/// The keys of a list entry as they stand behind `k:`; the protocol defaults to TCP.
pub(super) fn key_of(field: &str, entry: &Value) -> Option<Value> {
    let names = if field == "ports" { port_keys(entry) } else { keys_of(field)? };
    let mut key = Map::new();
    for name in names {
        let default = if *name == "protocol" { json!("TCP") } else { Value::Null };
        key.insert((*name).to_owned(), entry.get(*name).cloned().unwrap_or(default));
    }
    Some(Value::Object(key))
}

/// The field set of a body: all it says.
pub(super) fn fields_of(field: &str, value: &Value) -> Value {
    let mut out = Map::new();
    match value {
        Value::Object(map) if !is_one_value(field) => {
            for (name, value) in map.iter().filter(|(_, value)| !is_nothing(value)) {
                out.insert(format!("f:{name}"), fields_of(name, value));
            }
        }
        Value::Array(list) if field == "finalizers" => {
            for value in list {
                out.insert(format!("v:{value}"), json!({}));
            }
        }
        Value::Array(list) if field == "ports" || keys_of(field).is_some() => {
            for entry in list {
                let Some(key) = key_of(field, entry) else { continue };
                let mut below = fields_of("", entry);
                if let Some(below) = below.as_object_mut() {
                    below.insert(".".to_owned(), json!({}));
                }
                out.insert(format!("k:{key}"), below);
            }
        }
        _ => {}
    }
    Value::Object(out)
}

/// What an API server drops: nulls and empty lists.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// What of an object's body counts for ownership: no identity, and status only through its subresource.
pub(super) fn owned_part(body: &Value, status: bool) -> Value {
    let mut body = body.clone();
    if status {
        return json!({"status": body["status"]});
    }
    if let Some(map) = body.as_object_mut() {
        map.retain(|key, _| !matches!(key.as_str(), "apiVersion" | "kind" | "status"));
    }
    if let Some(meta) = body["metadata"].as_object_mut() {
        meta.retain(|key, _| {
            matches!(key.as_str(), "labels" | "annotations" | "ownerReferences" | "finalizers")
        });
    }
    if body["metadata"].as_object().is_none_or(Map::is_empty)
        && let Some(map) = body.as_object_mut()
    {
        map.remove("metadata");
    }
    body
}

/// Takes from `fields` all that is in `taken`.
pub(super) fn without(fields: &Value, taken: &Value) -> Value {
    let (Some(fields), Some(taken)) = (fields.as_object(), taken.as_object()) else { return json!({}) };
    let mut out = Map::new();
    for (key, below) in fields {
        match taken.get(key) {
            None => {
                out.insert(key.clone(), below.clone());
            }
            Some(gone) => {
                let rest = without(below, gone);
                if rest.as_object().is_some_and(|rest| !rest.is_empty()) {
                    out.insert(key.clone(), rest);
                }
            }
        }
    }
    Value::Object(out)
}

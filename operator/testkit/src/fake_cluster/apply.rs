//! Server-side apply and merge patch, as far as drivers can tell the difference (field sets: `ownership`).

use serde_json::{Map, Value, json};

use super::ownership::{fields_of, key_of, owned_part, without};

/// Notes that `manager` wrote `body` into `object` by `operation`; what others owned of it and was changed goes to it.
pub(super) fn note(
    object: &mut Value,
    manager: &str,
    operation: &str,
    status: bool,
    fields: &Value,
    taken: &Value,
) {
    let subresource = if status { "status" } else { "" };
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_ours = |entry: &Value| {
        entry["manager"] == manager
            && entry["operation"] == operation
            && entry["subresource"].as_str().unwrap_or_default() == subresource
    };
    for entry in entries.iter_mut().filter(|entry| !is_ours(entry)) {
        entry["fieldsV1"] = without(&entry["fieldsV1"], taken);
    }
    entries.retain(|entry| !is_ours(entry) && entry["fieldsV1"] != json!({}));
    let mut entry = json!({"manager": manager, "operation": operation, "apiVersion": object["apiVersion"],
                           "fieldsType": "FieldsV1", "fieldsV1": fields});
    if status {
        entry["subresource"] = "status".into();
    }
    entries.push(entry);
    object["metadata"]["managedFields"] = Value::Array(entries);
}

/// Applies `body` for `manager` by force.
pub(super) fn apply(object: &mut Value, body: &Value, manager: &str, status: bool) {
    let wanted = owned_part(body, status);
    let fields = fields_of("", &wanted);
    let before = previous(object, manager, "Apply", status);
    let mut others = json!({});
    for entry in object["metadata"]["managedFields"].as_array().into_iter().flatten() {
        if entry["manager"] != manager || entry["operation"] != "Apply" {
            join(&mut others, &entry["fieldsV1"]);
        }
    }
    let dropped = without(&without(&before, &fields), &others);
    remove("", object, &dropped);
    let unchanged = object.clone();
    merge("", object, &wanted);
    let taken = changed("", &unchanged, &wanted);
    note(object, manager, "Apply", status, &fields, &taken);
}

/// RFC 7386; `managedFields` in the patch are taken as they are.
pub(super) fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            if let Some(map) = target.as_object_mut() {
                map.remove(key);
            }
        } else {
            merge_patch(&mut target[key], value);
        }
    }
}

/// The field set of what `after` says and `before` says otherwise.
pub(super) fn changed(field: &str, before: &Value, after: &Value) -> Value {
    let all = fields_of(field, after);
    let mut out = Map::new();
    for (key, below) in all.as_object().into_iter().flatten() {
        let (old, new) = (step(field, before, key), step(field, after, key));
        if old == new {
            continue;
        }
        let name = key.strip_prefix("f:").unwrap_or_default();
        let leaf = below.as_object().is_none_or(Map::is_empty);
        let inner = if leaf { json!({}) } else { changed(name, &old, &new) };
        out.insert(key.clone(), inner);
    }
    Value::Object(out)
}

fn previous(object: &Value, manager: &str, operation: &str, status: bool) -> Value {
    let subresource = if status { "status" } else { "" };
    let entries = object["metadata"]["managedFields"].as_array();
    let ours = entries.into_iter().flatten().find(|entry| {
        entry["manager"] == manager
            && entry["operation"] == operation
            && entry["subresource"].as_str().unwrap_or_default() == subresource
    });
    ours.map_or(json!({}), |entry| entry["fieldsV1"].clone())
}

fn join(into: &mut Value, more: &Value) {
    for (key, below) in more.as_object().into_iter().flatten() {
        if into.get(key).is_none() {
            into[key] = json!({});
        }
        join(&mut into[key], below);
    }
}

fn step(field: &str, value: &Value, key: &str) -> Value {
    if let Some(name) = key.strip_prefix("f:") {
        return value[name].clone();
    }
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let found = list.iter().find(|entry| {
        format!("v:{entry}") == key || key_of(field, entry).is_some_and(|own| format!("k:{own}") == key)
    });
    found.cloned().unwrap_or_default()
}

fn remove(field: &str, value: &mut Value, fields: &Value) {
    for (key, below) in fields.as_object().into_iter().flatten() {
        let leaf = below.as_object().is_none_or(|below| below.is_empty() || below.contains_key("."));
        if let Some(name) = key.strip_prefix("f:") {
            if leaf {
                value.as_object_mut().map(|map| map.remove(name));
            } else {
                remove(name, &mut value[name], below);
            }
        } else if let Some(list) = value.as_array_mut() {
            let is_it = |entry: &Value| {
                format!("v:{entry}") == *key
                    || key_of(field, entry).is_some_and(|own| format!("k:{own}") == *key)
            };
            if leaf {
                list.retain(|entry| !is_it(entry));
            } else if let Some(entry) = list.iter_mut().find(|entry| is_it(entry)) {
                remove("", entry, below);
            }
        }
    }
}

fn merge(field: &str, into: &mut Value, from: &Value) {
    match (&mut *into, from) {
        (Value::Object(_), Value::Object(map)) if fields_of(field, from) != json!({}) || map.is_empty() => {
            for (name, value) in map {
                merge(name, &mut into[name], value);
            }
        }
        (Value::Array(list), Value::Array(more))
            if more.iter().all(|entry| key_of(field, entry).is_some()) =>
        {
            for entry in more {
                let key = key_of(field, entry);
                match list.iter_mut().find(|own| key_of(field, own) == key) {
                    Some(own) => merge("", own, entry),
                    None => list.push(entry.clone()),
                }
            }
        }
        _ => *into = from.clone(),
    }
}

//! Which fields of a live object are ours: the FieldsV1 sets of our field manager (compared in `drift`).

use serde_json::{Map, Value};

/// The operation under which the API server notes a server-side apply.
const APPLY: &str = "Apply";

/// The fields that `manager` owns, over all its entries for the subresource (`""` for the object itself).
/// Form: k8s.io/apimachinery FieldsV1, `f:<field>`, `k:<keys of a list entry>`, `v:<value of a set>`, `.`.
pub fn owned(live: &Value, manager: &str, subresource: &str) -> Map<String, Value> {
    let mut all = Map::new();
    for fields in entries(live).filter(|entry| is_of(entry, manager, subresource)).filter_map(fields_of) {
        join(&mut all, fields);
    }
    all
}

/// The same, without what it owns only because the API server filled in defaults when it created the object:
/// of fields from an operation other than Apply, those that `want` names.
pub(super) fn claimed(want: &Value, live: &Value, manager: &str, subresource: &str) -> Map<String, Value> {
    let mut all = Map::new();
    for entry in entries(live).filter(|entry| is_of(entry, manager, subresource)) {
        let Some(fields) = fields_of(entry) else { continue };
        if entry["operation"] == APPLY {
            join(&mut all, fields);
        } else {
            join(&mut all, &named(fields, want));
        }
    }
    all
}

/// Of `fields`, those that `want` names; entries of lists are never filled in, so they all count.
fn named(fields: &Map<String, Value>, want: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, below) in fields {
        let inner = match key.strip_prefix("f:") {
            Some(name) => want.get(name).filter(|value| !value.is_null()),
            None => {
                Some(want.as_array().and_then(|list| entry_at(key, list).map(|at| &list[at])).unwrap_or(want))
            }
        };
        let Some(inner) = inner else { continue };
        let below = below.as_object().map(|below| named(below, inner)).unwrap_or_default();
        out.insert(key.clone(), Value::Object(below));
    }
    out
}

/// Where in a list the entry is that `k:<keys>` or `v:<value>` stands for; a protocol that is left out is TCP.
pub(super) fn entry_at(key: &str, list: &[Value]) -> Option<usize> {
    if let Some(value) = key.strip_prefix("v:") {
        let value: Value = serde_json::from_str(value).ok()?;
        return list.iter().position(|item| *item == value);
    }
    let keys: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    list.iter().position(|item| {
        keys.iter().all(|(name, value)| match item.get(name) {
            Some(found) => found == value,
            None => name == "protocol" && value == "TCP",
        })
    })
}

/// The entries of `live` such that what `manager` created with POST counts as applied by it.
/// Without that, a field left out of a later apply would stay, because its creator still owned it.
/// `None` when nothing has to be changed.
pub fn created_as_applied(live: &Value, manager: &str) -> Option<Vec<Value>> {
    let created = |entry: &Value| is_of(entry, manager, "") && entry["operation"] != APPLY;
    if !entries(live).any(created) {
        return None;
    }
    let mut out: Vec<Value> = entries(live).filter(|entry| !is_of(entry, manager, "")).cloned().collect();
    let mut ours = entries(live).find(|entry| is_of(entry, manager, ""))?.clone();
    ours["operation"] = APPLY.into();
    ours["fieldsV1"] = Value::Object(owned(live, manager, ""));
    out.push(ours);
    Some(out)
}

/// Drops the entries of managers that `keep` doesn't know, which is most of an object's size.
pub fn retain_managers(live: &mut Value, keep: impl Fn(&str) -> bool) {
    if let Some(entries) = live["metadata"]["managedFields"].as_array_mut() {
        entries.retain(|entry| entry["manager"].as_str().is_some_and(&keep));
    }
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn fields_of(entry: &Value) -> Option<&Map<String, Value>> {
    entry["fieldsV1"].as_object()
}

fn is_of(entry: &Value, manager: &str, subresource: &str) -> bool {
    entry["manager"] == manager && entry["subresource"].as_str().unwrap_or_default() == subresource
}

fn join(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, below) in more {
        match (into.get_mut(key).and_then(Value::as_object_mut), below.as_object()) {
            (Some(into), Some(below)) => join(into, below),
            _ => {
                into.insert(key.clone(), below.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Value {
        json!({"metadata": {"managedFields": [
            {"manager": "wickr-network", "operation": "Update", "fieldsV1": {"f:spec": {"f:a": {}}}},
            {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:c": {}}}},
            {"manager": "wickr-network", "operation": "Apply", "fieldsV1": {"f:spec": {"f:b": {}}}},
            {"manager": "wickr-network", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
        ]}})
    }

    #[test]
    fn both_operations_of_one_manager_are_its_fields_and_subresources_stand_apart() {
        assert_eq!(
            Value::Object(owned(&live(), "wickr-network", "")),
            json!({"f:spec": {"f:a": {}, "f:b": {}}})
        );
        assert_eq!(Value::Object(owned(&live(), "wickr-network", "status")), json!({"f:status": {}}));
    }

    #[test]
    fn a_created_object_becomes_an_applied_one_and_others_keep_what_they_have() {
        let entries = created_as_applied(&live(), "wickr-network").unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0]["manager"], "kubectl");
        assert_eq!(entries[2]["operation"], "Apply");
        assert_eq!(entries[2]["fieldsV1"], json!({"f:spec": {"f:a": {}, "f:b": {}}}));
        assert!(
            created_as_applied(&json!({"metadata": {"managedFields": entries}}), "wickr-network").is_none()
        );
    }
}

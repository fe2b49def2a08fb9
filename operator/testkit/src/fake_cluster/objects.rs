//! The objects of the fake cluster and the history of their changes (changed through `serve`).

use std::collections::BTreeMap;

use futures::channel::mpsc::UnboundedSender;
use serde_json::{Value, json};

use super::fault::Fault;
use super::path::Address;
use super::strike::Strikes;

/// A write that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// `create`, `apply`, `patch` or `delete`.
    pub verb: &'static str,
    /// Like `Secret hq/hq-root`, with `/status` behind it for a status.
    pub object: String,
}

impl std::fmt::Display for Wrote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.object)
    }
}

/// Plural, namespace, name.
pub(super) type Place = (String, String, String);

#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<Place, Value>,
    pub(super) version: u64,
    pub(super) uids: u64,
    pub(super) history: Vec<Change>,
    pub(super) watchers: Vec<Watcher>,
    /// Watches that are open and say nothing any more.
    pub(super) silent: Vec<Watcher>,
    pub(super) followers: Vec<UnboundedSender<()>>,
    pub(super) faults: Vec<Fault>,
    pub(super) strikes: Strikes,
    pub(super) writes: Vec<Wrote>,
    pub(super) reads: Vec<String>,
}

/// An open watch, which is told of changes after a version.
pub(super) struct Watcher {
    pub(super) address: Address,
    pub(super) after: u64,
    pub(super) sender: UnboundedSender<String>,
}

/// What a snapshot of etcd holds.
#[derive(Clone, Debug)]
pub struct Copied {
    pub(super) objects: BTreeMap<Place, Value>,
    pub(super) version: u64,
}

#[derive(Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) place: Place,
    pub(super) kind: &'static str,
    pub(super) before: Option<Value>,
    pub(super) object: Value,
}

impl State {
    /// Keeps an object in a new version and tells the watchers.
    pub(super) fn store(&mut self, place: &Place, mut object: Value) -> Value {
        let before = self.objects.get(place).cloned();
        if let Some(before) = &before
            && same(before, &object)
        {
            return before.clone();
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let spec_changed = before.as_ref().is_none_or(|before| before.get("spec") != object.get("spec"));
        if spec_changed {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
            object["metadata"]["generation"] = (generation + 1).into();
        }
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.objects.insert(place.clone(), object.clone());
        self.tell(Change {
            version: self.version,
            place: place.clone(),
            kind,
            before,
            object: object.clone(),
        });
        object
    }

    /// Takes an object out and tells the watchers.
    pub(super) fn remove(&mut self, place: &Place) {
        if let Some(mut object) = self.objects.remove(place) {
            self.version += 1;
            let before = Some(object.clone());
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.tell(Change {
                version: self.version,
                place: place.clone(),
                kind: "DELETED",
                before,
                object,
            });
        }
    }

    pub(super) fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.uids)
    }

    fn tell(&mut self, change: Change) {
        self.watchers.retain(|watcher| match change.line(&watcher.address) {
            Some(line) if change.version > watcher.after => watcher.sender.unbounded_send(line).is_ok(),
            Some(_) | None => !watcher.sender.is_closed(),
        });
        self.history.push(change);
        self.followers.retain(|follower| follower.unbounded_send(()).is_ok());
    }
}

impl Change {
    /// What a watcher at `address` is told, if anything; leaving its selection is a deletion.
    pub(super) fn line(&self, address: &Address) -> Option<String> {
        let (plural, namespace, _) = &self.place;
        if *plural != address.plural || !(address.namespace.is_empty() || address.namespace == *namespace) {
            return None;
        }
        let selects = |object: &Value| address.selects(&object["metadata"]["labels"]);
        let was = self.before.as_ref().is_some_and(selects);
        let kind = match (self.kind, was, selects(&self.object)) {
            ("DELETED", true, _) | (_, true, false) => "DELETED",
            ("DELETED", ..) | (_, false, false) => return None,
            (_, false, true) => "ADDED",
            (_, true, true) => "MODIFIED",
        };
        // What left the selection is shown as it was, in the new version, as the API server's watch cache does it.
        let mut object = self.object.clone();
        if let (true, Some(before)) = (kind == "DELETED", &self.before) {
            object = before.clone();
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        Some(format!("{}\n", json!({"type": kind, "object": object})))
    }
}

fn same(before: &Value, after: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        value["metadata"]["resourceVersion"] = Value::Null;
        value
    };
    bare(before) == bare(after)
}

//! The fake API server: requests in, answers out, and the handles that tests hold.

use std::io;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body as RequestBody;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::apply::{apply, changed, merge_patch, note};
use super::fault::{Fault, reason};
use super::objects::{Copied, Place, State, Wrote};
use super::ownership::{fields_of, owned_part};
use super::path::Address;
use super::strike::Hit;
use super::watch::{Body, answer, expired, refuse, watch};

/// A cluster of objects in memory. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct FakeCluster {
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeCluster").field("objects", &self.names()).finish()
    }
}

impl FakeCluster {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        let cluster = self.clone();
        let serve = move |request| {
            let cluster = cluster.clone();
            async move { cluster.serve(request).await }
        };
        Client::new(tower::service_fn(serve), "default")
    }

    /// Answers a request, or breaks its connection.
    pub(super) async fn serve(&self, request: Request<RequestBody>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(address) = Address::read(&parts.uri) else {
            return Ok(refuse(404, "NotFound", "404 page not found"));
        };
        let Some(verb) = verb_of(&parts.method, &parts.headers, &address) else {
            return Ok(refuse(405, "MethodNotAllowed", "no such verb"));
        };
        let mut state = self.state.lock();
        let hit = state.strikes.count(|| format!("{verb} {}", address.whole()));
        match hit {
            Some(Hit::Expired) if verb == "watch" => return Ok(expired()),
            Some(hit) if let Some(code) = hit.code() => {
                return Ok(refuse(code, reason(code), &format!("struck with {code} for the test")));
            }
            _ => {}
        }
        let answer = hit.is_none_or(Hit::is_done).then(|| state.answer(verb, &address, &body));
        match (hit.and_then(Hit::error), answer) {
            (None, Some(answer)) => Ok(answer),
            (error, _) => Err(error.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())),
        }
    }

    /// Answers with an error what `fault` describes, from now on.
    pub fn fault(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// The request of that number from now on, the first being 0, is struck.
    pub fn strike(&self, number: u64, hit: Hit) {
        self.state.lock().strikes.plan(number, hit);
    }

    /// The request that was struck, like `create secrets/`; none as long as there were not so many.
    pub fn struck(&self) -> Option<String> {
        self.state.lock().strikes.struck.clone()
    }

    /// How many requests there were since the last `strike`, or at all.
    pub fn asked(&self) -> u64 {
        self.state.lock().strikes.asked()
    }

    /// Watches that are open now say nothing any more and don't end, as when a host in between is gone.
    pub fn silence(&self) {
        let mut state = self.state.lock();
        let open = std::mem::take(&mut state.watchers);
        state.silent.extend(open);
    }

    /// All objects as they are now.
    pub fn copy(&self) -> Copied {
        let state = self.state.lock();
        Copied { objects: state.objects.clone(), version: state.version }
    }

    /// Puts back what was there, versions too, as a restore of etcd does. Open watches stay open and are told nothing
    /// until the version that they have seen has come again.
    pub fn put_back(&self, copied: &Copied) {
        let mut state = self.state.lock();
        let seen = state.version;
        state.watchers.iter_mut().for_each(|watcher| watcher.after = watcher.after.max(seen));
        state.history.retain(|change| change.version <= copied.version);
        (state.objects, state.version) = (copied.objects.clone(), copied.version);
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// One item for every change of an object from now on: for tests that wait for one.
    pub fn changes(&self) -> UnboundedReceiver<()> {
        let (follower, changes) = unbounded();
        self.state.lock().followers.push(follower);
        changes
    }

    /// What was written since the last call, in order.
    pub fn take_writes(&self) -> Vec<Wrote> {
        std::mem::take(&mut self.state.lock().writes)
    }

    /// What was read since the last call, like `get secrets`; lists and watches are left out.
    pub fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().reads)
    }

    /// The names of all objects, like `Secret hq/hq-root`.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().objects.values().map(name_of).collect()
    }

    /// An object.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state.lock().objects.get(&place(plural, namespace, name)).cloned()
    }

    /// Puts an object there as somebody else would with `kubectl`; `status` in it is kept.
    pub fn put(&self, plural: &str, object: &Value) -> Value {
        let mut state = self.state.lock();
        let meta = &object["metadata"];
        let text = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
        let place = place(plural, &text("namespace"), &text("name"));
        let made = state.created(object.clone(), "kubectl");
        state.store(&place, made)
    }

    /// Changes an object as the manager `by`, who then owns what it changed.
    pub fn edit(&self, plural: &str, namespace: &str, name: &str, by: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock();
        let place = place(plural, namespace, name);
        let Some(before) = state.objects.get(&place).cloned() else { return };
        let mut after = before.clone();
        change(&mut after);
        let fields = changed("", &owned_part(&before, false), &owned_part(&after, false));
        let gone = changed("", &owned_part(&after, false), &owned_part(&before, false));
        if fields != json!({}) || gone != json!({}) {
            let mut taken = fields.clone();
            merge_patch(&mut taken, &gone);
            note(&mut after, by, "Update", false, &fields, &taken);
        }
        state.store(&place, after);
    }

    /// Deletes an object as a person would: at once, or once its finalizers are gone.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) {
        let mut state = self.state.lock();
        let place = place(plural, namespace, name);
        let Some(mut object) = state.objects.get(&place).cloned() else { return };
        if object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            state.store(&place, object);
        } else {
            state.remove(&place);
        }
    }

    /// Deletes an object at once, whatever its finalizers.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.state.lock().remove(&place(plural, namespace, name));
    }
}

fn place(plural: &str, namespace: &str, name: &str) -> Place {
    (plural.to_owned(), namespace.to_owned(), name.to_owned())
}

fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = text(&object["metadata"]["namespace"]);
    let slash = if namespace.is_empty() { "" } else { "/" };
    format!("{} {namespace}{slash}{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// What a request does, as tests name it.
pub(super) fn verb_of(method: &Method, headers: &HeaderMap, address: &Address) -> Option<&'static str> {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Some(match (method.as_str(), kind) {
        ("GET", _) if address.query("watch") == "true" => "watch",
        ("GET", _) if address.name.is_empty() => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", "application/apply-patch+yaml") => "apply",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        _ => return None,
    })
}

impl State {
    fn answer(&mut self, verb: &'static str, address: &Address, body: &Value) -> Response<Body> {
        let whole = address.whole();
        let made = body["metadata"]["name"].as_str().unwrap_or_default();
        let name = if verb == "create" { made } else { address.name.as_str() };
        let matches = |fault: &Fault| {
            let rbac = if verb == "apply" { "patch" } else { verb };
            (fault.verb.is_empty() || fault.verb == verb || fault.verb == rbac)
                && (fault.plural.is_empty() || fault.plural == address.plural || fault.plural == whole)
                && (fault.name.is_empty() || fault.name == name)
                && fault.times != Some(0)
        };
        if let Some(fault) = self.faults.iter_mut().find(|fault| matches(fault)) {
            fault.times = fault.times.map(|times| times - 1);
            return refuse(fault.code, fault.reason, &fault.message);
        }
        match verb {
            "watch" => watch(self, address),
            "list" => self.list(address),
            "get" => {
                self.reads.push(format!("get {}", address.plural));
                self.with(address, |_, _, object| answer(200, &object))
            }
            "create" => self.create(address, body),
            "delete" => self.delete(address, body),
            "update" => self.update(address, body),
            _ => self.patch(verb, address, body),
        }
    }

    fn list(&self, address: &Address) -> Response<Body> {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|((plural, namespace, _), object)| {
                *plural == address.plural
                    && (address.namespace.is_empty() || *namespace == address.namespace)
                    && address.selects(&object["metadata"]["labels"])
            })
            .map(|(_, object)| object)
            .collect();
        answer(
            200,
            &json!({"kind": "List", "apiVersion": address.api_version, "items": items,
                    "metadata": {"resourceVersion": self.version.to_string()}}),
        )
    }

    fn create(&mut self, address: &Address, body: &Value) -> Response<Body> {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let place = place(&address.plural, &address.namespace, name);
        if self.objects.contains_key(&place) {
            let message = format!("{} \"{name}\" already exists", address.plural);
            return refuse(409, "AlreadyExists", &message);
        }
        let mut object = self.created(body.clone(), address.query("fieldManager"));
        if !address.namespace.is_empty() {
            object["metadata"]["namespace"] = address.namespace.clone().into();
        }
        let made = self.store(&place, object);
        self.wrote("create", &made, "");
        answer(201, &made)
    }

    /// Puts a whole object in the place of the one that is there; ownership of its fields isn't kept.
    fn update(&mut self, address: &Address, body: &Value) -> Response<Body> {
        let mut body = body.clone();
        self.with(address, move |state, place, before| {
            let seen = &body["metadata"]["resourceVersion"];
            if !seen.is_null() && *seen != before["metadata"]["resourceVersion"] {
                return refuse(409, "Conflict", "the object has been modified");
            }
            for kept in ["uid", "namespace", "creationTimestamp", "generation", "managedFields"] {
                body["metadata"][kept] = before["metadata"][kept].clone();
            }
            let stored = state.store(&place, body);
            state.wrote("update", &stored, "");
            answer(200, &stored)
        })
    }

    fn patch(&mut self, verb: &'static str, address: &Address, body: &Value) -> Response<Body> {
        let (verb, address, body) = (verb, address.clone(), body.clone());
        self.with(&address.clone(), move |state, place, before| {
            let status = address.subresource == "status";
            let seen = |field: &str| body["metadata"][field].as_str().map(str::to_owned);
            // As an API server does: the uid in a status is read by nobody.
            let fields: &[_] = if status { &["resourceVersion"] } else { &["resourceVersion", "uid"] };
            for &field in fields {
                if seen(field).is_some_and(|seen| before["metadata"][field] != seen.as_str()) {
                    let message =
                        "the object has been modified; please apply your changes to the latest version";
                    return refuse(409, "Conflict", message);
                }
            }
            let mut object = before;
            if verb == "apply" {
                apply(&mut object, &body, address.query("fieldManager"), status);
            } else {
                merge_patch(&mut object, &body);
            }
            let done = object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
            if done && !object["metadata"]["deletionTimestamp"].is_null() {
                state.wrote(verb, &object, &address.subresource);
                state.objects.insert(place.clone(), object.clone());
                state.remove(&place);
                return answer(200, &object);
            }
            let stored = state.store(&place, object);
            state.wrote(verb, &stored, &address.subresource);
            answer(200, &stored)
        })
    }

    fn delete(&mut self, address: &Address, body: &Value) -> Response<Body> {
        let body = body.clone();
        self.with(address, move |state, place, mut object| {
            let seen = &body["preconditions"];
            for field in ["resourceVersion", "uid"] {
                if seen.get(field).is_some_and(|seen| !seen.is_null() && *seen != object["metadata"][field]) {
                    return refuse(409, "Conflict", "the precondition does not hold");
                }
            }
            state.wrote("delete", &object, "");
            if object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
                object = state.store(&place, object);
            } else {
                state.remove(&place);
            }
            answer(200, &object)
        })
    }

    fn with(
        &mut self,
        address: &Address,
        then: impl FnOnce(&mut Self, Place, Value) -> Response<Body>,
    ) -> Response<Body> {
        let place = place(&address.plural, &address.namespace, &address.name);
        let Some(object) = self.objects.get(&place).cloned() else {
            return refuse(404, "NotFound", &format!("{} \"{}\" not found", address.plural, address.name));
        };
        then(self, place, object)
    }

    fn created(&mut self, mut object: Value, manager: &str) -> Value {
        let fields = fields_of("", &owned_part(&object, false));
        object["metadata"]["uid"] = self.next_uid().into();
        object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        object["metadata"]["managedFields"] = json!([]);
        note(&mut object, manager, "Update", false, &fields, &json!({}));
        object
    }

    fn wrote(&mut self, verb: &'static str, object: &Value, subresource: &str) {
        let slash = if subresource.is_empty() { "" } else { "/" };
        self.writes.push(Wrote { verb, object: format!("{}{slash}{subresource}", name_of(object)) });
    }
}

//! The only place that writes: create, apply, delete, finalizers, status; each write is fenced and learned by the cache.

use std::fmt::Debug;
use std::sync::Arc;

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Error};
use serde_json::{Value, json};

use wickr_operator_core::drift::{created_as_applied, drift};

use crate::{Cache, Failure, Key, Live, ObjectName, Requests};

/// Says whether this process may write now; asked before each write.
pub type Fence = Arc<dyn Fn() -> bool + Send + Sync>;

/// Writes in the name of one controller: field manager `wickr-<controller>`, `wickr-<controller>-status` for status.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    cache: Cache,
    controller: String,
    manager: String,
    requests: Requests,
    fence: Option<Fence>,
}

impl Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("manager", &self.manager).finish_non_exhaustive()
    }
}

/// What became of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It stood there already; nothing was sent.
    Unchanged,
    /// It was written.
    Written,
    /// The object is gone; there is nothing to report on.
    Gone,
}

impl Writer {
    /// For the controller called `controller`.
    pub fn new(client: Client, cache: Cache, controller: &str, requests: Requests) -> Self {
        let manager = format!("wickr-{controller}");
        Self { client, cache, controller: controller.to_owned(), manager, requests, fence: None }
    }

    /// Asks `fence` before each write.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// The field manager of what isn't status.
    pub fn manager(&self) -> &str {
        &self.manager
    }

    /// POSTs an object that is not there, so that a stale view can't bring back what was deleted.
    /// When it is there after all: `Occupied` if it isn't ours, else a conflict that the next pass sorts out.
    pub async fn create(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<Live, Failure> {
        self.check(&ObjectName::new(resource, key.clone()))?;
        let object = || ObjectName::new(resource, key.clone());
        let typed: DynamicObject = serde_json::from_value(body.clone())
            .map_err(|source| Failure::Unreadable { object: object(), source })?;
        self.requests.count("create");
        let params = PostParams { field_manager: Some(self.manager.clone()), ..PostParams::default() };
        match self.api(resource, key).create(&params, &typed).await {
            Ok(made) => self.learned(resource, &made),
            Err(Error::Api(status)) if status.is_already_exists() => {
                let source = Box::new(Error::Api(status));
                match self.fresh(resource, key).await? {
                    Some(found) if !same_marks(body, found.value()) => {
                        Err(Failure::Occupied { object: object() })
                    }
                    Some(found) => {
                        // Ours, but the watch didn't show it yet, or somebody took its labels off.
                        self.cache.learn(&found);
                        Err(Failure::Create { object: object(), source })
                    }
                    None => Err(Failure::Create { object: object(), source }),
                }
            }
            Err(source) => Err(Failure::Create { object: object(), source: source.into() }),
        }
    }

    /// Applies our fields to an object that is there. `body.metadata` carries the uid and resourceVersion that
    /// gather saw, so that the write lands only on what nobody has changed since.
    pub async fn apply(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<Live, Failure> {
        let object = || ObjectName::new(resource, key.clone());
        self.check(&object())?;
        let mut body = body.clone();
        let seen = body["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        if let Some(version) = self.own_as_applied(resource, key, seen).await? {
            body["metadata"]["resourceVersion"] = version.into();
        }
        self.requests.count("apply");
        let params = PatchParams::apply(&self.manager).force();
        match self.api(resource, key).patch(&key.name, &params, &Patch::Apply(&body)).await {
            Ok(applied) => self.learned(resource, &applied),
            Err(source) => {
                let failure = Failure::Apply { object: object(), source: source.into() };
                if failure.is_conflict() {
                    // Our view is old; look, so that the next pass sees what is there.
                    match self.fresh(resource, key).await? {
                        Some(found) => drop(self.cache.learn(&found)),
                        None => self.cache.unlearn_own(resource, key),
                    }
                }
                Err(failure)
            }
        }
    }

    /// Deletes exactly the object that gather saw; one that is gone already is fine.
    pub async fn delete(
        &self,
        resource: &ApiResource,
        key: &Key,
        uid: &str,
        version: &str,
    ) -> Result<(), Failure> {
        let object = || ObjectName::new(resource, key.clone());
        self.check(&object())?;
        self.requests.count("delete");
        let preconditions = Preconditions {
            uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
            resource_version: Some(version.to_owned()).filter(|version| !version.is_empty()),
        };
        let params = DeleteParams::background().preconditions(preconditions);
        match self.api(resource, key).delete(&key.name, &params).await {
            Ok(answer) => {
                match answer.left().filter(|left| left.metadata.deletion_timestamp.is_some()) {
                    // It goes when its finalizers are done.
                    Some(going) => drop(self.learned(resource, &going)),
                    None => self.cache.unlearn_own(resource, key),
                }
                Ok(())
            }
            Err(Error::Api(status)) if status.code == 404 => {
                self.cache.unlearn_own(resource, key);
                Ok(())
            }
            Err(source) => Err(Failure::Delete { object: object(), source: source.into() }),
        }
    }

    /// Adds or takes away one finalizer of the object that gather saw. Nothing else of it is touched.
    pub async fn finalizer(&self, live: &Live, finalizer: &str, present: bool) -> Result<Live, Failure> {
        let mut all: Vec<&str> = live.finalizers().into_iter().filter(|name| *name != finalizer).collect();
        if present {
            all.push(finalizer);
        }
        self.check(&live.name())?;
        self.requests.count("patch");
        let patch = json!({"metadata": {
            "uid": live.uid(), "resourceVersion": live.resource_version(), "finalizers": all,
        }});
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
        let key = live.key();
        match self.api(live.resource(), &key).patch(&key.name, &params, &Patch::Merge(&patch)).await {
            Ok(changed) => self.learned(live.resource(), &changed),
            Err(Error::Api(status)) if status.code == 404 && !present => Ok(live.clone()),
            Err(source) => Err(Failure::Finalize { object: live.name(), source: source.into() }),
        }
    }

    /// Writes `status` unless that is what stands there, as far as our own fields of it go. A conflict where the object
    /// has changed meanwhile: of a status API servers check the version, but not the uid, so what is told of an object
    /// that is gone would land on the next one of its name.
    pub async fn status(&self, live: &Live, status: &Value) -> Result<Reported, Failure> {
        let manager = format!("{}-status", self.manager);
        // The cache may know a newer state than the pass began with, our own last write among them.
        let newest = self.cache.get(live.resource(), &live.key()).ok().flatten();
        let newest = newest.filter(|newest| newest.uid() == live.uid()).unwrap_or_else(|| live.clone());
        let want = json!({
            "apiVersion": live.resource().api_version, "kind": live.resource().kind,
            "metadata": {
                "name": live.key().name, "namespace": live.key().namespace, "uid": live.uid(),
                "resourceVersion": newest.resource_version(),
            },
            "status": status,
        });
        if drift(&want, newest.value(), &manager, "status").is_none() {
            return Ok(Reported::Unchanged);
        }
        self.check(&live.name())?;
        self.requests.count("status");
        let key = live.key();
        let params = PatchParams::apply(&manager).force();
        match self.api(live.resource(), &key).patch_status(&key.name, &params, &Patch::Apply(&want)).await {
            Ok(written) => self.learned(live.resource(), &written).map(|_| Reported::Written),
            Err(Error::Api(status)) if status.code == 404 && !crate::class::not_served(&status.message) => {
                Ok(Reported::Gone)
            }
            Err(source) => Err(Failure::Status { object: live.name(), source: source.into() }),
        }
    }

    /// POST leaves the fields with operation Update, and a later apply couldn't take one away. Once, before the
    /// first apply, they are moved to Apply. Gives back the new resourceVersion when something was moved.
    async fn own_as_applied(
        &self,
        resource: &ApiResource,
        key: &Key,
        seen: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let cached = self.cache.get(resource, key).ok().flatten();
        if cached.is_some_and(|live| created_as_applied(live.value(), &self.manager).is_none()) {
            return Ok(None);
        }
        let Some(live) = self.fresh(resource, key).await? else { return Ok(None) };
        let Some(entries) = created_as_applied(live.value(), &self.manager) else { return Ok(None) };
        self.requests.count("patch");
        let patch = json!({"metadata": {
            "uid": live.uid(), "managedFields": entries,
            "resourceVersion": seen.unwrap_or_else(|| live.resource_version().to_owned()),
        }});
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
        match self.api(resource, key).patch(&key.name, &params, &Patch::Merge(&patch)).await {
            Ok(changed) => Ok(Some(self.learned(resource, &changed)?.resource_version().to_owned())),
            Err(source) => {
                Err(Failure::Apply { object: ObjectName::new(resource, key.clone()), source: source.into() })
            }
        }
    }

    async fn fresh(&self, resource: &ApiResource, key: &Key) -> Result<Option<Live>, Failure> {
        self.requests.count("get");
        let found = self.api(resource, key).get_opt(&key.name).await;
        let object = || ObjectName::new(resource, key.clone());
        let found = found.map_err(|source| Failure::Lookup { object: object(), source: source.into() })?;
        found.map(|found| Live::new(resource, &found)).transpose()
    }

    fn learned(&self, resource: &ApiResource, answer: &DynamicObject) -> Result<Live, Failure> {
        let live = Live::new(resource, answer)?;
        self.cache.learn_own(&live, &self.controller);
        Ok(live)
    }

    fn api(&self, resource: &ApiResource, key: &Key) -> Api<DynamicObject> {
        if key.namespace.is_empty() {
            Api::all_with(self.client.clone(), resource)
        } else {
            Api::namespaced_with(self.client.clone(), &key.namespace, resource)
        }
    }

    fn check(&self, object: &ObjectName) -> Result<(), Failure> {
        match &self.fence {
            Some(fence) if !fence() => Err(Failure::Fenced { object: object.clone() }),
            _ => Ok(()),
        }
    }
}

/// Whether `found` is ours: it has the owner that we would give it, or, without one, the labels.
fn same_marks(body: &Value, found: &Value) -> bool {
    let owner = |value: &Value| value["metadata"]["ownerReferences"][0]["uid"].as_str().map(str::to_owned);
    if let Some(uid) = owner(body) {
        let owners = found["metadata"]["ownerReferences"].as_array();
        return owners.into_iter().flatten().any(|owner| owner["uid"] == uid.as_str());
    }
    let wanted = body["metadata"]["labels"].as_object();
    wanted.into_iter().flatten().all(|(label, value)| found["metadata"]["labels"].get(label) == Some(value))
}

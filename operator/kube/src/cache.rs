//! What the watches have shown, with our own writes learned at once (filled by `watch`; how it is kept: `kept`).

use std::collections::HashMap;
use std::sync::Arc;

use kube::core::ApiResource;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::Notify;

use crate::kept::{Index, Kind, pack};
use crate::resume::Resume;
use crate::{Failure, History, Key, Live, Standing};

/// All watched objects of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    kinds: Arc<RwLock<HashMap<ApiResource, Kind>>>,
    changed: Arc<Notify>,
    history: History,
    pub(crate) resume: Resume,
}

/// What an object from a watch is to those who read the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Known already, or older than what is known.
    Old,
    /// The echo of a write of this controller: news to the others.
    EchoTo(String),
    /// News to everybody.
    New,
}

impl Cache {
    /// Declares that `resource` is watched in `scope` (a namespace, or `""` for all).
    pub fn declare(&self, resource: &ApiResource, scope: &str) {
        self.kinds.write().entry(resource.clone()).or_default().scopes.entry(scope.to_owned()).or_default();
    }

    /// From now on objects of `resource` are found under the words that `index` gives; before any is learned.
    pub fn index(&self, resource: &ApiResource, index: Index) {
        self.kinds.write().entry(resource.clone()).or_default().index = Some(index);
    }

    /// Who notices here that the API server's state has gone back.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether watches that failed are coming back, and some kinds are newer than others: nothing is to be decided now.
    pub fn is_mixed(&self) -> bool {
        self.resume.is_mixed()
    }

    /// Notes how a watch stands; false when that is no news.
    pub fn stands(&self, resource: &ApiResource, scope: &str, standing: Standing) -> bool {
        let mut kinds = self.kinds.write();
        let Some(kind) = kinds.get_mut(resource) else { return false };
        let stood = kind.scopes.entry(scope.to_owned()).or_default();
        let news = *stood != standing;
        *stood = standing;
        drop(kinds);
        self.changed.notify_waiters();
        news
    }

    /// How the watch of `resource` in `scope` stands; `None` when there is none.
    pub fn standing(&self, resource: &ApiResource, scope: &str) -> Option<Standing> {
        self.kinds.read().get(resource)?.scopes.get(scope).cloned()
    }

    /// Whether each watch has either listed once or failed once, so that a pass has something true to say.
    pub fn settled(&self) -> bool {
        let kinds = self.kinds.read();
        kinds.values().flat_map(|kind| kind.scopes.values()).all(|standing| *standing != Standing::Starting)
    }

    /// Waits until `settled`.
    pub async fn wait_settled(&self) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.settled() {
                return;
            }
            changed.await;
        }
    }

    /// Each watch and how it stands, for the health gates.
    pub fn standings(&self) -> Vec<(String, Standing)> {
        let kinds = self.kinds.read();
        let mut all: Vec<_> = kinds
            .iter()
            .flat_map(|(resource, kind)| {
                kind.scopes.iter().map(|(scope, standing)| {
                    let place = if scope.is_empty() { String::new() } else { format!(" in {scope}") };
                    (format!("{}{place}", resource_name(resource)), standing.clone())
                })
            })
            .collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        all
    }

    /// The object at `key`, if there is one.
    pub fn get(&self, resource: &ApiResource, key: &Key) -> Result<Option<Live>, Failure> {
        let body = {
            let kinds = self.kinds.read();
            let kind = trusted(&kinds, resource, &key.namespace)?;
            kind.objects.get(key).map(|stored| stored.body.clone())
        };
        body.map(|body| open(resource, key, &body)).transpose()
    }

    /// All objects in `namespace`, or everywhere when it is empty.
    pub fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Live>, Failure> {
        let bodies: Vec<(Key, Box<[u8]>)> = {
            let kinds = self.kinds.read();
            let kind = trusted(&kinds, resource, namespace)?;
            let from = Key::new(namespace, "");
            kind.objects
                .range(from..)
                .take_while(|(key, _)| namespace.is_empty() || key.namespace == namespace)
                .map(|(key, stored)| (key.clone(), stored.body.clone()))
                .collect()
        };
        bodies.iter().map(|(key, body)| open(resource, key, body)).collect()
    }

    /// The objects that the index finds under `word`.
    pub fn find(&self, resource: &ApiResource, word: &str) -> Result<Vec<Live>, Failure> {
        let keys: Vec<Key> = {
            let kinds = self.kinds.read();
            let kind = trusted(&kinds, resource, "")?;
            kind.words.get(word).into_iter().flatten().cloned().collect()
        };
        keys.iter().filter_map(|key| self.get(resource, key).transpose()).collect()
    }

    /// The keys of the objects in `namespace`, or everywhere when it is empty.
    pub fn keys(&self, resource: &ApiResource, namespace: &str) -> Vec<Key> {
        let kinds = self.kinds.read();
        let objects =
            kinds.get(resource).into_iter().flat_map(|kind| kind.objects.range(Key::new(namespace, "")..));
        let within = objects.take_while(|(key, _)| namespace.is_empty() || key.namespace == namespace);
        within.map(|(key, _)| key.clone()).collect()
    }

    /// Takes in an object from a watch.
    pub fn learn(&self, live: &Live) -> News {
        self.take_in(live, None)
    }

    /// Begins a list of `resource`, before it is asked for; gives back its number.
    pub fn begin(&self, resource: &ApiResource) -> u64 {
        let mut kinds = self.kinds.write();
        let kind = kinds.entry(resource.clone()).or_default();
        kind.round += 1;
        kind.round
    }

    /// Takes in an object from the list of that number.
    pub fn learn_listed(&self, live: &Live, list: u64) -> News {
        self.take_in(live, Some(list))
    }

    fn take_in(&self, live: &Live, list: Option<u64>) -> News {
        let mut kinds = self.kinds.write();
        let Some(kind) = kinds.get_mut(live.resource()) else { return News::Old };
        let round = kind.round;
        // After a restore of etcd versions come again: of what a list shows, an equal one may be another object's.
        if let Some(stored) = kind.objects.get_mut(&live.key())
            && stored.version == live.version()
            && (list.is_none() || stored.body == pack(live))
        {
            stored.round = round;
            return stored.by.take().map_or(News::Old, News::EchoTo);
        }
        if kind.keep(live, None, list) { News::New } else { News::Old }
    }

    /// Takes in the answer to a write of `controller`, so that its next pass sees it before the watch shows it.
    pub fn learn_own(&self, live: &Live, controller: &str) {
        if let Some(kind) = self.kinds.write().get_mut(live.resource()) {
            kind.keep(live, Some(controller.to_owned()), None);
        }
    }

    /// Takes in that an object is gone; false when it was not known.
    pub fn unlearn(&self, live: &Live) -> bool {
        let mut kinds = self.kinds.write();
        let Some(kind) = kinds.get_mut(live.resource()) else { return false };
        kind.forget(&live.key(), live.version())
    }

    /// Takes in that we have deleted an object, so that the next pass doesn't see it any more.
    pub fn unlearn_own(&self, resource: &ApiResource, key: &Key) {
        if let Some(kind) = self.kinds.write().get_mut(resource) {
            kind.drop_object(key);
        }
    }

    /// Ends the list of that number over `scope`: what it didn't contain is gone. Gives back what went.
    pub fn listed(&self, resource: &ApiResource, scope: &str, list: u64) -> Vec<Live> {
        let mut kinds = self.kinds.write();
        let Some(kind) = kinds.get_mut(resource) else { return Vec::new() };
        let gone = kind.forget_unlisted(scope, list);
        kind.scopes.insert(scope.to_owned(), Standing::Synced);
        drop(kinds);
        self.changed.notify_waiters();
        gone.iter().filter_map(|(key, stored)| open(resource, key, &stored.body).ok()).collect()
    }
}

fn trusted<'a>(
    kinds: &'a HashMap<ApiResource, Kind>,
    resource: &ApiResource,
    namespace: &str,
) -> Result<&'a Kind, Failure> {
    let undeclared = || Failure::Undeclared { resource: resource_name(resource) };
    let kind = kinds.get(resource).ok_or_else(undeclared)?;
    let scopes = kind
        .scopes
        .iter()
        .filter(|(scope, _)| namespace.is_empty() || scope.is_empty() || *scope == namespace);
    for (scope, standing) in scopes {
        if let Standing::Failing { forbidden, reason } = standing {
            let (resource, scope, reason) = (resource_name(resource), scope.clone(), reason.clone());
            return Err(Failure::Watch { resource, scope, forbidden: *forbidden, reason });
        }
    }
    Ok(kind)
}

fn open(resource: &ApiResource, key: &Key, body: &[u8]) -> Result<Live, Failure> {
    let value: Value = serde_json::from_slice(body).map_err(|source| Failure::Unreadable {
        object: crate::ObjectName::new(resource, key.clone()),
        source,
    })?;
    Ok(Live::from_value(resource, value))
}

fn resource_name(resource: &ApiResource) -> String {
    crate::ObjectName::new(resource, Key::new("", "")).resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Service;
    use serde_json::json;

    fn service(name: &str, version: u64) -> Live {
        let value = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": "hq", "name": name, "uid": name, "resourceVersion": version.to_string()}});
        Live::from_value(&resource(), value)
    }

    fn resource() -> ApiResource {
        ApiResource::erase::<Service>(&())
    }

    fn cache() -> Cache {
        let cache = Cache::default();
        cache.declare(&resource(), "");
        cache
    }

    #[test]
    fn the_echo_of_our_own_write_is_news_to_other_controllers_only_and_only_once() {
        let cache = cache();
        cache.learn_own(&service("relay", 5), "network");
        assert_eq!(cache.learn(&service("relay", 5)), News::EchoTo("network".to_owned()));
        assert_eq!(cache.learn(&service("relay", 5)), News::Old);
        assert_eq!(
            cache.learn(&service("relay", 4)),
            News::Old,
            "an older state doesn't overwrite a newer one"
        );
        assert_eq!(cache.learn(&service("relay", 6)), News::New);
    }

    #[test]
    fn objects_are_found_under_their_words_as_long_as_they_have_them() {
        let cache = cache();
        let index = |live: &Live| vec![live.value()["spec"]["type"].as_str().unwrap_or_default().to_owned()];
        cache.index(&resource(), Arc::new(index));
        let of = |kind: &str, version| {
            let mut live = service("relay", version);
            live.value_mut()["spec"]["type"] = kind.into();
            live
        };
        cache.learn(&of("A", 1));
        assert_eq!(cache.find(&resource(), "A").unwrap().len(), 1);
        cache.learn(&of("B", 2));
        assert_eq!(cache.find(&resource(), "A").unwrap().len(), 0);
        assert_eq!(cache.find(&resource(), "B").unwrap().len(), 1);
        cache.unlearn(&of("B", 3));
        assert_eq!(cache.find(&resource(), "B").unwrap().len(), 0);
    }

    #[test]
    fn the_late_answer_to_a_write_does_not_bring_back_what_was_deleted() {
        let cache = cache();
        cache.learn(&service("relay", 5));
        assert!(cache.unlearn(&service("relay", 7)));
        assert_eq!(cache.learn(&service("relay", 6)), News::Old);
        assert_eq!(cache.learn(&service("relay", 8)), News::New, "made anew");
    }

    #[test]
    fn a_list_forgets_what_it_does_not_contain() {
        let cache = cache();
        cache.learn(&service("relay", 5));
        cache.learn(&service("sso", 6));
        let list = cache.begin(&resource());
        assert_eq!(cache.learn_listed(&service("sso", 6), list), News::Old);
        cache.learn_own(&service("new", 8), "network");
        let gone = cache.listed(&resource(), "", list);
        assert_eq!(gone.len(), 1);
        let left = [Key::new("hq", "new"), Key::new("hq", "sso")];
        assert_eq!(cache.keys(&resource(), ""), left, "what was made while it was listed stays");
        assert!(cache.settled());
    }

    #[test]
    fn a_list_counts_even_where_its_versions_are_lower_because_etcd_was_restored() {
        let cache = cache();
        for (name, version) in [("relay", 105), ("sso", 106), ("deleted", 107)] {
            cache.learn(&service(name, version));
        }
        cache.unlearn(&service("deleted", 110));
        let list = cache.begin(&resource());
        assert_eq!(cache.learn_listed(&service("relay", 5), list), News::New);
        cache.learn_own(&service("relay", 9), "network");
        assert_eq!(cache.learn_listed(&service("relay", 5), list), News::Old, "ours is newer than the list");
        cache.listed(&resource(), "", list);
        let version = |name: &str| {
            let live = cache.get(&resource(), &Key::new("hq", name)).unwrap();
            live.map(|live| live.version())
        };
        assert_eq!((version("relay"), version("sso")), (Some(9), None));
        for name in ["sso", "deleted"] {
            assert_eq!(cache.learn(&service(name, 12)), News::New, "{name} is made anew, at a lower version");
        }
    }

    #[test]
    fn a_list_counts_even_where_a_version_came_again_for_another_object() {
        let cache = cache();
        cache.learn(&service("relay", 105));
        let mut other = service("relay", 105);
        other.value_mut()["metadata"]["uid"] = "another".into();
        let list = cache.begin(&resource());
        assert_eq!(cache.learn_listed(&other, list), News::New);
        assert_eq!(cache.get(&resource(), &Key::new("hq", "relay")).unwrap().unwrap().uid(), "another");
    }

    #[test]
    fn a_kind_whose_watch_fails_is_an_error_not_an_empty_list() {
        let cache = cache();
        let failing = Standing::Failing { forbidden: true, reason: "no".to_owned() };
        cache.stands(&resource(), "", failing);
        let failure = cache.list(&resource(), "hq").unwrap_err();
        assert_eq!(failure.class(), crate::Class::Forbidden);
        assert_eq!(
            failure.next_step(),
            "grant the operator the verbs list and watch on services in the whole cluster"
        );
        cache.stands(&resource(), "", Standing::Synced);
        cache.stands(&resource(), "hq", Standing::Failing { forbidden: true, reason: "no".to_owned() });
        let failure = cache.list(&resource(), "hq").unwrap_err();
        assert!(failure.next_step().ends_with(" on services in namespace \"hq\""), "{}", failure.next_step());
        assert!(cache.settled(), "so that a pass can say it");
    }

    #[test]
    fn a_kind_that_nobody_watches_is_a_bug() {
        assert_eq!(Cache::default().list(&resource(), "hq").unwrap_err().class(), crate::Class::Bug);
    }
}

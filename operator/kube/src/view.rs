//! What a pass sees: watched kinds from the cache, referenced objects by name; it notes what it was asked for.

use std::collections::BTreeSet;

use kube::api::Api;
use kube::core::{ApiResource, NamespaceResourceScope, Resource};
use kube::{Client, Error};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::{Cache, Failure, Key, Live, ObjectName};

/// The eyes of one pass. What it was asked for is compared with the declared watches in a test.
pub struct View {
    client: Client,
    cache: Cache,
    asked: Mutex<BTreeSet<Asked>>,
}

/// A kind that was read, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// The resource as RBAC names it, like `statefulsets.apps`.
    pub resource: String,
    /// From the cache that a watch fills, or by name from the API server.
    pub watched: bool,
}

impl View {
    /// Of `cache`, and of the API server where something is read by name.
    pub fn new(client: Client, cache: Cache) -> Self {
        Self { client, cache, asked: Mutex::default() }
    }

    /// The watched object at `key`.
    pub fn get(&self, resource: &ApiResource, key: &Key) -> Result<Option<Live>, Failure> {
        self.note(resource, true);
        self.cache.get(resource, key)
    }

    /// The watched objects in `namespace`, or everywhere when it is empty.
    pub fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Live>, Failure> {
        self.note(resource, true);
        self.cache.list(resource, namespace)
    }

    /// The watched objects that the cache's index finds under `word`.
    pub fn find(&self, resource: &ApiResource, word: &str) -> Result<Vec<Live>, Failure> {
        self.note(resource, true);
        self.cache.find(resource, word)
    }

    /// A referenced object, read from the API server now; `None` when there is none.
    pub async fn lookup<K>(&self, key: &Key) -> Result<Option<K>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let resource = ApiResource::erase::<K>(&());
        self.note(&resource, false);
        let api: Api<K> = Api::namespaced(self.client.clone(), &key.namespace);
        let object = ObjectName::new(&resource, key.clone());
        match api.get_opt(&key.name).await {
            Ok(found) => Ok(found),
            // A namespace that is gone holds nothing.
            Err(Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(source) => Err(Failure::Lookup { object, source: source.into() }),
        }
    }

    /// What was read so far.
    pub fn asked(&self) -> BTreeSet<Asked> {
        self.asked.lock().clone()
    }

    fn note(&self, resource: &ApiResource, watched: bool) {
        let resource = ObjectName::new(resource, Key::new("", "")).resource;
        self.asked.lock().insert(Asked { resource, watched });
    }
}

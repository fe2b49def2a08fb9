//! Fills a cache with one list per kind instead of watches, for a tool that looks once and goes (`watch` for good).

use kube::api::{Api, ListParams};
use kube::core::{DynamicObject, TypeMeta};
use kube::{Client, Error};

use crate::{Cache, Failure, Live, ObjectName, Standing, Watch, failure};

/// Lists what `watches` declare: what has no namespace in the whole cluster, the rest in the namespaces that
/// `scopes` gives (`""` for all). A kind that may not be listed is noted as such; whoever reads it is told.
pub async fn snapshot(
    client: &Client,
    cache: &Cache,
    watches: &[Watch],
    scopes: impl Fn(&Watch) -> Vec<String>,
) -> Result<(), Failure> {
    for watch in watches {
        let scopes = if watch.cluster_scoped { vec![String::new()] } else { scopes(watch) };
        for scope in scopes {
            list(client, cache, watch, &scope).await?;
        }
    }
    Ok(())
}

async fn list(client: &Client, cache: &Cache, watch: &Watch, scope: &str) -> Result<(), Failure> {
    let resource = &watch.resource;
    let api: Api<DynamicObject> = if scope.is_empty() {
        Api::all_with(client.clone(), resource)
    } else {
        Api::namespaced_with(client.clone(), scope, resource)
    };
    let mut params = ListParams::default();
    if let Some(labels) = &watch.labels {
        params = params.labels(labels);
    }
    cache.declare(resource, scope);
    let round = cache.begin(resource);
    let list = match api.list(&params).await {
        Ok(list) => list,
        Err(Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => {
            let reason = failure::reason(&Error::Api(status));
            cache.stands(resource, scope, Standing::Failing { forbidden: true, reason });
            return Ok(());
        }
        Err(source) => {
            let object = ObjectName::new(resource, crate::Key::new(scope, "*"));
            return Err(Failure::Lookup { object, source: source.into() });
        }
    };
    for mut object in list {
        object.types =
            Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
        let live = Live::new(resource, &object)?;
        cache.learn_listed(&live, round);
    }
    cache.listed(resource, scope, round);
    Ok(())
}

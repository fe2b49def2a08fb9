//! Watches: each declared kind flows into the cache and wakes the objects that depend on it (read by `view`).

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Client;
use kube::api::{Api, WatchParams};
use kube::core::{ApiResource, DynamicObject, TypeMeta, WatchEvent};
use kube::runtime::watcher;
use tokio::time::{Instant, timeout};

use crate::{Cache, Key, Live, News, Queue, Standing, failure};

/// Which objects of a controller must be looked at again when `Live` has changed or gone.
pub type Wakes = Arc<dyn Fn(&Live) -> Vec<Key> + Send + Sync>;

/// One kind that a controller's gather reads from the cache.
#[derive(Clone)]
pub struct Watch {
    /// The kind.
    pub resource: ApiResource,
    /// Only objects with this label selector; `None` for all.
    pub labels: Option<String>,
    /// Whether the kind has no namespace.
    pub cluster_scoped: bool,
    /// What a change wakes.
    pub wakes: Wakes,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("resource", &self.resource.plural)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// All watches of a process: one stream per kind and namespace, however many controllers read it.
#[derive(Debug)]
pub struct Watches {
    cache: Cache,
    namespaces: Vec<String>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    resource: ApiResource,
    labels: Option<String>,
    cluster_scoped: bool,
    readers: Vec<Reader>,
}

#[derive(Debug)]
struct Reader {
    watch: Watch,
    /// The controller, whose own writes are no news to it.
    controller: String,
    /// Its own kind, all of whose objects have something new to say when a watch fails.
    main: ApiResource,
    queue: Queue,
}

/// How long one watch lasts before it is begun anew where it was. It bounds how long a connection that died without a
/// word goes unnoticed: five seconds later the watch is given up.
pub const LASTS: Duration = Duration::from_secs(40);

/// The first and the longest rest before a watch that failed is tried again.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How long the API server may take to let a watch begin, and to say no after that.
const PROBE: Duration = Duration::from_secs(2);

/// Whether the API server says that the operator may not, or that it doesn't know the kind.
fn is_no(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404))
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

impl Watches {
    /// Into `cache`; in `namespaces`, or everywhere when there are none.
    pub fn new(cache: Cache, namespaces: Vec<String>) -> Self {
        Self { cache, namespaces, streams: Vec::new() }
    }

    /// Adds what `controller`, whose own kind is `main`, reads; its objects are woken through `queue`.
    /// Controllers that read one kind share a stream, without a selector when theirs differ.
    pub fn add(&mut self, controller: &str, main: &ApiResource, watches: Vec<Watch>, queue: &Queue) {
        for watch in watches {
            let reader = Reader {
                watch: watch.clone(),
                controller: controller.to_owned(),
                main: main.clone(),
                queue: queue.clone(),
            };
            if let Some(stream) = self.streams.iter_mut().find(|stream| stream.resource == watch.resource) {
                if stream.labels != watch.labels {
                    stream.labels = None;
                }
                stream.readers.push(reader);
            } else {
                self.streams.push(Stream {
                    resource: watch.resource,
                    labels: watch.labels,
                    cluster_scoped: watch.cluster_scoped,
                    readers: vec![reader],
                });
            }
        }
    }

    /// Runs every stream; ends only when dropped. Failures are noted in the cache; what failed is tried
    /// again, and every object looked at once it runs.
    pub async fn run(&self, client: Client) {
        let mut declared = Vec::new();
        for stream in &self.streams {
            let everywhere = stream.cluster_scoped || self.namespaces.is_empty();
            let scopes = if everywhere { vec![String::new()] } else { self.namespaces.clone() };
            for scope in scopes {
                self.cache.declare(&stream.resource, &scope);
                declared.push((stream, scope));
            }
        }
        let runs = declared.into_iter().map(|(stream, scope)| stream.run(client.clone(), scope, &self.cache));
        futures::future::join_all(runs).await;
    }
}

impl Stream {
    async fn run(&self, client: Client, scope: String, cache: &Cache) {
        let api: Api<DynamicObject> = if scope.is_empty() {
            Api::all_with(client, &self.resource)
        } else {
            Api::namespaced_with(client, &scope, &self.resource)
        };
        let mut config = watcher::Config::default().timeout(seconds(LASTS));
        if let Some(labels) = &self.labels {
            config = config.labels(labels);
        }
        let (mut rest, mut failing, mut turns) = (RESTS.0, false, cache.history().turns());
        loop {
            let begun = Instant::now();
            let mut events = std::pin::pin!(watcher(api.clone(), config.clone()));
            let mut list = 0;
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    // It would say nothing until its version has come again.
                    Ok(()) = turns.changed() => None,
                };
                match event {
                    Some(Ok(event)) => {
                        let done = matches!(event, watcher::Event::InitDone);
                        if failing && matches!(event, watcher::Event::Init) {
                            cache.resume.lists();
                        }
                        self.take(event, &scope, cache, &mut list);
                        if done && std::mem::take(&mut failing) {
                            cache.resume.listed(&self.resource, &scope);
                            self.wake_all(cache);
                        }
                    }
                    Some(Err(error)) => {
                        failing = true;
                        if self.failed(&error, &scope, cache) {
                            // Nobody waits for one that may not run.
                            cache.resume.listed(&self.resource, &scope);
                        } else {
                            cache.resume.cut(&self.resource, &scope);
                        }
                        break;
                    }
                    None => {
                        failing = true;
                        cache.resume.cut(&self.resource, &scope);
                        break;
                    }
                }
            }
            if begun.elapsed() > RESTS.1 {
                rest = RESTS.0;
            }
            // Begun anew with a list, because nothing tells when a watch that failed runs again; but only once it would:
            // else a right to list without one to watch looked fine for a moment, again and again.
            loop {
                tokio::time::sleep(rest).await;
                rest = rest.saturating_mul(2).min(RESTS.1);
                if self.may_watch(&api).await {
                    break;
                }
            }
        }
    }

    /// Whether the API server lets a watch begin.
    async fn may_watch(&self, api: &Api<DynamicObject>) -> bool {
        let mut params = WatchParams::default().timeout(1);
        if let Some(labels) = &self.labels {
            params = params.labels(labels);
        }
        let Ok(Ok(stream)) = timeout(PROBE, api.watch(&params, "0")).await else { return false };
        let mut stream = std::pin::pin!(stream);
        !matches!(timeout(PROBE, stream.next()).await, Ok(Some(Err(_) | Ok(WatchEvent::Error(_)))))
    }

    fn take(&self, event: watcher::Event<DynamicObject>, scope: &str, cache: &Cache, list: &mut u64) {
        match event {
            watcher::Event::Init => *list = cache.begin(&self.resource),
            watcher::Event::InitApply(object) => {
                if let Some(live) = self.live(object) {
                    self.learn(&live, cache, |live| cache.learn_listed(live, *list));
                }
            }
            watcher::Event::InitDone => {
                for gone in cache.listed(&self.resource, scope, *list) {
                    self.wake(&gone, None);
                }
            }
            watcher::Event::Apply(object) => {
                if let Some(live) = self.live(object) {
                    self.learn(&live, cache, |live| cache.learn(live));
                }
            }
            watcher::Event::Delete(object) => {
                if let Some(live) = self.live(object)
                    && cache.unlearn(&live)
                {
                    self.wake(&live, None);
                }
            }
        }
    }

    fn live(&self, mut object: DynamicObject) -> Option<Live> {
        // Objects in a list carry no type; everything that reads them later needs it.
        object.types = Some(TypeMeta {
            api_version: self.resource.api_version.clone(),
            kind: self.resource.kind.clone(),
        });
        let live = Live::new(&self.resource, &object);
        live.map_err(|failure| tracing::error!(%failure, "a watched object is left out")).ok()
    }

    fn learn(&self, live: &Live, cache: &Cache, take_in: impl FnOnce(&Live) -> News) {
        // Whoever depended on what it was before is woken too.
        let before = cache.get(&self.resource, &live.key()).ok().flatten();
        let but = match take_in(live) {
            News::Old => return,
            News::EchoTo(controller) => Some(controller),
            News::New => None,
        };
        if let Some(before) = before.filter(|before| before.version() != live.version()) {
            self.wake(&before, but.as_deref());
        }
        self.wake(live, but.as_deref());
    }

    fn wake(&self, live: &Live, but: Option<&str>) {
        for reader in self.readers.iter().filter(|reader| but != Some(reader.controller.as_str())) {
            for key in (reader.watch.wakes)(live) {
                reader.queue.add(key);
            }
        }
    }

    fn wake_all(&self, cache: &Cache) {
        for reader in &self.readers {
            cache.keys(&reader.main, "").into_iter().for_each(|key| reader.queue.add(key));
        }
    }

    /// Notes a failed watch.
    /// Says so; gives whether the API server forbids it.
    fn failed(&self, error: &watcher::Error, scope: &str, cache: &Cache) -> bool {
        let source = match error {
            watcher::Error::InitialListFailed(source)
            | watcher::Error::WatchStartFailed(source)
            | watcher::Error::WatchFailed(source) => Some(source),
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
        };
        let reason = source.map_or_else(|| error.to_string(), failure::reason);
        tracing::warn!(resource = %self.resource.plural, scope, reason, "a watch fails and is tried again");
        // A dropped connection or an expired version is daily bread: the cache stays good while the watch resumes.
        // Only what the API server forbids, or a list that never came, makes the cache untrue.
        let forbidden = source.is_some_and(is_no);
        let untrue = forbidden || cache.standing(&self.resource, scope) != Some(Standing::Synced);
        if untrue && cache.stands(&self.resource, scope, Standing::Failing { forbidden, reason }) {
            self.wake_all(cache);
        }
        forbidden
    }
}

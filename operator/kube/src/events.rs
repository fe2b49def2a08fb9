//! Events for people: created once, counted as a series when they repeat, never more than one write a minute each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Error};
use parking_lot::Mutex;
use serde_json::{Value, json};
use wickr_base::{Clock, UnixMillis};

use crate::{Failure, Fence, Live, ObjectName, Requests};

/// How long an event stays one series.
const SERIES: Duration = Duration::from_mins(10);
/// How often a repeated event is written.
const AGAIN: Duration = Duration::from_mins(1);
/// events.k8s.io/v1 bounds a note at 1 kB.
const NOTE: usize = 1024;

/// Something to be told about an object. The reason comes from a closed list of the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// From a closed list.
    pub reason: &'static str,
    /// Whether a person should look at it.
    pub warning: bool,
    /// What was being done.
    pub action: &'static str,
    /// For people; cut at 1,024 bytes.
    pub note: String,
}

/// Publishes events in the name of one controller.
pub struct Events {
    client: Client,
    controller: String,
    instance: String,
    clock: Arc<dyn Clock>,
    requests: Requests,
    fence: Option<Fence>,
    sent: Mutex<HashMap<(String, Happening), Series>>,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    count: i32,
    begun: Duration,
    written: Duration,
}

impl std::hash::Hash for Happening {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.reason, self.warning, self.action, &self.note).hash(state);
    }
}

impl Events {
    /// Reported by `wickr.dev/<controller>` from `instance` (the pod's name).
    pub fn new(
        client: Client,
        controller: &str,
        instance: &str,
        clock: Arc<dyn Clock>,
        requests: Requests,
    ) -> Self {
        let controller = format!("wickr.dev/{controller}");
        let instance = instance.to_owned();
        Self { client, controller, instance, clock, requests, fence: None, sent: Mutex::default() }
    }

    /// Asks `fence` before each event.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Tells it, or counts it when it was told within the last ten minutes.
    pub async fn publish(&self, about: &Live, happening: &Happening) -> Result<(), Failure> {
        if self.fence.as_ref().is_some_and(|fence| !fence()) {
            return Err(Failure::Fenced { object: about.name() });
        }
        let id = (about.uid().to_owned(), happening.clone());
        let now = self.clock.elapsed();
        let known = {
            let mut sent = self.sent.lock();
            sent.retain(|_, series| {
                now.saturating_sub(series.written) < SERIES && now.saturating_sub(series.begun) < 6 * SERIES
            });
            sent.get_mut(&id).map(|series| {
                series.count = series.count.saturating_add(1);
                series.clone()
            })
        };
        match known {
            Some(series) if now.saturating_sub(series.written) < AGAIN => Ok(()),
            Some(series) => {
                let patch =
                    json!({"series": {"count": series.count, "lastObservedTime": micro(self.clock.now())}});
                let params =
                    PatchParams { field_manager: Some("wickr-events".to_owned()), ..PatchParams::default() };
                self.requests.count("event");
                match self.api(about).patch(&series.name, &params, &Patch::Merge(&patch)).await {
                    Ok(_) => {
                        self.sent.lock().insert(id, Series { written: now, ..series });
                        Ok(())
                    }
                    // It aged out of the API server; the next one begins a new series.
                    Err(Error::Api(status)) if status.code == 404 => {
                        self.sent.lock().remove(&id);
                        Ok(())
                    }
                    Err(source) => Err(Failure::Event { object: about.name(), source: source.into() }),
                }
            }
            None => {
                let (name, body) = self.body(about, happening);
                let object: DynamicObject = serde_json::from_value(body)
                    .map_err(|source| Failure::Unreadable { object: about.name(), source })?;
                self.requests.count("event");
                let made = self.api(about).create(&PostParams::default(), &object).await;
                made.map_err(|source| Failure::Event { object: about.name(), source: source.into() })?;
                self.sent.lock().insert(id, Series { name, count: 1, begun: now, written: now });
                Ok(())
            }
        }
    }

    fn body(&self, about: &Live, happening: &Happening) -> (String, Value) {
        let key = about.key();
        let now = self.clock.now();
        let name = format!("{}.{:x}{:x}", key.name, now.0, self.clock.elapsed().subsec_nanos());
        let body = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace(about)},
            "eventTime": micro(now),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": happening.action,
            "reason": happening.reason,
            "type": if happening.warning { "Warning" } else { "Normal" },
            "note": cut(&happening.note),
            "regarding": {
                "apiVersion": about.resource().api_version, "kind": about.resource().kind,
                "namespace": key.namespace, "name": key.name,
                "uid": about.uid(), "resourceVersion": about.resource_version(),
            },
        });
        (name, body)
    }

    fn api(&self, about: &Live) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &namespace(about), &resource())
    }
}

/// Where events about `about` are kept; cluster-scoped ones in `default`, as everywhere.
fn namespace(about: &Live) -> String {
    Some(about.key().namespace)
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| "default".to_owned())
}

fn resource() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::events::v1::Event>(&())
}

fn micro(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| format!("{at:.6}")).unwrap_or_default()
}

fn cut(note: &str) -> &str {
    &note[..note.floor_char_boundary(NOTE)]
}

/// The object that an event failed for, without failing the pass: an event is a courtesy, status holds the truth.
pub fn shrug(failure: &Failure) {
    let object = failure.object().map(ObjectName::to_string).unwrap_or_default();
    tracing::warn!(%failure, object, "an event was not published");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters() {
        let note = "ü".repeat(600);
        assert_eq!(cut(&note).len(), 1024);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn event_times_have_microseconds() {
        assert_eq!(micro(UnixMillis(1_700_000_000_123)), "2023-11-14T22:13:20.123000Z");
    }
}

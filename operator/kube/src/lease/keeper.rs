//! Keeps our lease: looks, takes, renews, gives back. Each write of it says which version it was decided on, so of
//! several only one lands (what to do: `decide`; who asks: `lead`).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, PostParams};
use kube::core::ApiResource;
use kube::{Client, Error};
use tokio::time::timeout;
use wickr_base::{Clock, Rng};

use super::decide::{ANSWER, LOOK, Memory, Seen, Step, TERM, WRITES, decide};
use super::lead::Lead;
use crate::{Class, Failure, History, Key, ObjectName, Requests, Standing};

/// Moves with each renewal. Times alone would not: on a wall clock that stands still a renewal would change nothing.
const RENEWAL: &str = "wickr.dev/renewal";

/// Keeps one lease in the name of one process.
#[derive(Debug)]
pub struct Keeper {
    api: Api<Lease>,
    at: Key,
    me: String,
    clock: Arc<dyn Clock>,
    requests: Requests,
    lead: Lead,
    memory: Memory,
    found: Option<Lease>,
    history: History,
}

/// Why the lease could not be looked at or written.
enum Trouble {
    /// The API server said no.
    No(Failure),
    /// It stands otherwise than it was seen.
    Otherwise,
    /// Nobody answered; what became of it is not known.
    Silence(String),
}

impl Keeper {
    /// Of the lease at `at`, as `instance` (the pod's name) and a random word: a container that starts anew in the same
    /// pod is another holder.
    pub fn new(
        client: Client,
        at: Key,
        instance: &str,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
        requests: Requests,
    ) -> Self {
        let me = format!("{instance}_{:016x}", u64::from_be_bytes(rng.bytes()));
        let (api, lead) = (Api::namespaced(client, &at.namespace), Lead::none(clock.clone()));
        let history = History::default();
        Self { api, at, me, clock, requests, lead, memory: Memory::default(), found: None, history }
    }

    /// Tells `history` of each version that the lease is seen in: every replica asks for it all the time, one request
    /// after the other.
    #[must_use]
    pub fn noting(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    /// What it moves.
    pub fn lead(&self) -> Lead {
        self.lead.clone()
    }

    /// Goes on until dropped; what was under way then is cleared up by `give_back`.
    pub async fn run(&mut self) {
        loop {
            let rest = self.turn().await;
            tokio::time::sleep(rest).await;
        }
    }

    /// Ends the lead, and lets another take the lease at its next look. After the last pass.
    pub async fn give_back(mut self) {
        self.lead.close();
        // Somebody may change it between look and write, and the last renewal may still be under way.
        for _ in 0..3 {
            self.memory.unsure();
            if self.look().await.is_err() || self.holder() != Some(self.me.as_str()) {
                return;
            }
            let Err(trouble) = self.write(None).await else {
                tracing::info!(lease = %self.at, "the lease is given back");
                return;
            };
            if !matches!(trouble, Trouble::Otherwise) {
                return;
            }
        }
    }

    /// One step, and how long to rest after it.
    async fn turn(&mut self) -> Duration {
        if !self.memory.is_sure()
            && let Err(trouble) = self.look().await
        {
            self.note(trouble);
            return LOOK;
        }
        let seen = self.found.as_ref().map(seen);
        match decide(&self.me, seen.as_ref(), &self.memory, self.clock.elapsed()) {
            Step::Wait(rest) => rest,
            Step::Create | Step::Take | Step::Renew => {
                let sent = self.clock.elapsed();
                match self.write(Some(self.me.clone())).await {
                    Ok(lease) => self.held(lease, sent),
                    Err(trouble) => {
                        self.memory.unsure();
                        let at_once = matches!(trouble, Trouble::Otherwise);
                        self.note(trouble);
                        if at_once { Duration::ZERO } else { LOOK }
                    }
                }
            }
        }
    }

    fn held(&mut self, lease: Lease, sent: Duration) -> Duration {
        self.memory.held(&seen(&lease), sent);
        self.note_version(Some(&lease));
        self.found = Some(lease);
        self.lead.stands(Standing::Synced);
        if self.lead.open(sent + WRITES) {
            tracing::info!(lease = %self.at, holder = self.me, "this operator leads");
        }
        Duration::ZERO
    }

    fn note_version(&self, lease: Option<&Lease>) {
        if let Some(version) = lease.and_then(|lease| lease.metadata.resource_version.as_deref()) {
            self.history.saw(version);
        }
    }

    async fn look(&mut self) -> Result<(), Trouble> {
        let object = self.object();
        self.requests.count("lease");
        let found = match timeout(ANSWER, self.api.get_opt(&self.at.name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(source)) => return Err(trouble(object, "get", source)),
            Err(_) => return Err(silence()),
        };
        self.found = found;
        self.memory.saw(self.found.as_ref().map(seen).as_ref(), self.clock.elapsed());
        self.note_version(self.found.as_ref());
        if self.found.is_some() {
            self.lead.stands(Standing::Synced);
        }
        if self.holder() != Some(self.me.as_str()) && self.lead.close() {
            tracing::warn!(lease = %self.at, holder = self.holder(), "this operator leads no more");
        }
        Ok(())
    }

    /// Makes it, or changes it if it stands as it was found.
    async fn write(&self, holder: Option<String>) -> Result<Lease, Trouble> {
        let next = self.next(holder);
        let params = PostParams { field_manager: Some("wickr-lease".to_owned()), ..PostParams::default() };
        self.requests.count("lease");
        let (verb, answer) = if self.found.is_some() {
            ("update", timeout(ANSWER, self.api.replace(&self.at.name, &params, &next)).await)
        } else {
            ("create", timeout(ANSWER, self.api.create(&params, &next)).await)
        };
        match answer {
            Ok(answer) => answer.map_err(|source| trouble(self.object(), verb, source)),
            Err(_) => Err(silence()),
        }
    }

    /// The lease as it stands next. Its times are for people.
    fn next(&self, holder: Option<String>) -> Lease {
        let mut lease = self.found.clone().unwrap_or_default();
        lease.metadata.name = Some(self.at.name.clone());
        lease.metadata.managed_fields = None;
        let now = jiff::Timestamp::from_millisecond(self.clock.now().0).ok().map(MicroTime);
        let before = lease.spec.take().unwrap_or_default();
        let changes = holder.is_some() && before.holder_identity != holder;
        lease.spec = Some(LeaseSpec {
            acquire_time: if changes { now.clone() } else { before.acquire_time },
            holder_identity: holder,
            lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
            lease_transitions: Some(before.lease_transitions.unwrap_or_default() + i32::from(changes)),
            renew_time: now,
            ..before
        });
        let notes = lease.metadata.annotations.get_or_insert_default();
        let renewals = notes.get(RENEWAL).and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        notes.insert(RENEWAL.to_owned(), renewals.wrapping_add(1).to_string());
        lease
    }

    fn holder(&self) -> Option<&str> {
        self.found.as_ref()?.spec.as_ref()?.holder_identity.as_deref()
    }

    fn object(&self) -> ObjectName {
        ObjectName::new(&ApiResource::erase::<Lease>(&()), self.at.clone())
    }

    fn note(&self, trouble: Trouble) {
        let (forbidden, text) = match trouble {
            // Somebody else was faster; the next look shows who.
            Trouble::Otherwise => return,
            Trouble::Silence(text) => (false, text),
            Trouble::No(failure) => {
                let forbidden = failure.class() == Class::Forbidden;
                (forbidden, format!("{failure}; next: {}", failure.next_step()))
            }
        };
        // What passes by itself leaves a gate that was open as it is: watches say more about the API server.
        let untrue = forbidden || self.lead.standing() != Standing::Synced;
        if !untrue || self.lead.stands(Standing::Failing { forbidden, reason: text.clone() }) {
            tracing::warn!(lease = %self.at, text, "the lease can't be kept");
        }
    }
}

fn silence() -> Trouble {
    Trouble::Silence(format!("no answer from the API server within {} s", ANSWER.as_secs()))
}

fn trouble(object: ObjectName, verb: &'static str, source: Error) -> Trouble {
    match &source {
        Error::Api(status) if status.code == 409 => Trouble::Otherwise,
        // It was deleted meanwhile; for a new one the namespace is missing.
        Error::Api(status) if status.code == 404 && verb == "update" => Trouble::Otherwise,
        _ => Trouble::No(Failure::Lease { object, verb, source: source.into() }),
    }
}

fn seen(lease: &Lease) -> Seen {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Seen {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        term: seconds.map(Duration::from_secs),
    }
}

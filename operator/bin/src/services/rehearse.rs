//! Rehearsals run beside the passes: one at a time for a provider, its result kept until the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use wickr_base::Clock;
use wickr_operator_core::RehearsalAnswer;
use wickr_operator_core::provider::{Rehearsal, RehearsalRequest};
use wickr_operator_kube::{Key, Wake, caught};

use super::{Call, Contact, Question, Target};

/// How long sso may take: it asks the provider several things, five seconds each at most.
const WITHIN: Duration = Duration::from_mins(1);

/// The rehearsals of all providers. Cheap to clone.
#[derive(Clone)]
pub struct Rehearsals {
    clock: Arc<dyn Clock>,
    wake: Wake,
    last: Arc<Mutex<HashMap<Key, Rehearsal>>>,
}

impl Rehearsals {
    /// Calls `wake` with the provider when its rehearsal is over.
    pub fn new(clock: Arc<dyn Clock>, wake: Wake) -> Self {
        Self { clock, wake, last: Arc::default() }
    }

    /// What is known of a provider's rehearsal.
    pub fn last(&self, provider: &Key) -> Rehearsal {
        self.last.lock().get(provider).cloned().unwrap_or_default()
    }

    /// The provider is gone.
    pub fn forget(&self, provider: &Key) {
        self.last.lock().remove(provider);
    }

    /// This replica acts no more: what the next one finds out is not known here.
    pub fn forget_all(&self) {
        self.last.lock().clear();
    }

    /// Asks `sso` to rehearse, and comes back at once. `after` runs when there is an answer.
    pub fn begin(
        &self,
        provider: &Key,
        request: RehearsalRequest,
        sso: Target,
        contact: Arc<Contact>,
        after: impl FnOnce() + Send + 'static,
    ) {
        let generation = request.generation.clone();
        let asking = async move { ask(&request, &sso, &contact).await };
        self.run(provider, generation, asking, after);
    }

    fn run(
        &self,
        provider: &Key,
        generation: String,
        asking: impl Future<Output = Result<RehearsalAnswer, String>> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) {
        let running = Rehearsal::Running { generation: generation.clone(), since: self.clock.now() };
        self.last.lock().insert(provider.clone(), running);
        let (rehearsals, provider) = (self.clone(), provider.clone());
        tokio::spawn(async move {
            // A panic is an end too: nobody begins another rehearsal while this one runs.
            let answer = caught(asking).await.unwrap_or_else(|text| {
                tracing::error!(%provider, text, "a rehearsal panicked");
                Err(format!("the operator failed to ask: {text}"))
            });
            let at = rehearsals.clock.now();
            let done = match answer {
                Ok(answer) => Rehearsal::Done { generation, at, answer },
                Err(error) => Rehearsal::Failed { generation, at, error },
            };
            if let Some(last) = rehearsals.last.lock().get_mut(&provider) {
                *last = done;
            }
            after();
            (rehearsals.wake)(&provider);
        });
    }
}

async fn ask(request: &RehearsalRequest, sso: &Target, contact: &Contact) -> Result<RehearsalAnswer, String> {
    let Question::Status(id) = &sso.question else { return Err("only an admin port rehearses".to_owned()) };
    let call = Call {
        host: &sso.host,
        port: sso.port,
        name: &sso.host,
        tls: contact.admin(id).map_err(|error| error.to_string())?,
        method: Method::POST,
        path: "/rehearse",
        body: request.to_json().expose().clone(),
        within: WITHIN,
    };
    let body = call.make().await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body)
        .map_err(|error| format!("the answer to the rehearsal can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{ManualClock, UnixMillis};
    use wickr_operator_kube::Queue;

    #[tokio::test(start_paused = true)]
    async fn a_rehearsal_that_panics_has_failed_and_wakes_its_provider() {
        let queue = Queue::new();
        queue.open();
        let woken = queue.clone();
        let clock = Arc::new(ManualClock::at(UnixMillis(7)));
        let rehearsals = Rehearsals::new(clock, Arc::new(move |provider: &Key| woken.add(provider.clone())));
        let provider = Key::new("hq", "idp");
        let answer = Vec::<Result<RehearsalAnswer, String>>::new();
        rehearsals.run(&provider, "one".to_owned(), async move { answer[0].clone() }, || {});
        let woken = tokio::time::timeout(WITHIN, queue.next()).await;
        assert_eq!(woken.ok(), Some(provider.clone()));
        assert!(matches!(rehearsals.last(&provider), Rehearsal::Failed { generation, error, .. }
                if generation == "one" && error.contains("out of bounds")));
    }
}

//! Events of a pass: each is told when it begins to hold, not again while it goes on (published by `operator/kube`).

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use wickr_operator_core::{EventReason, EventWanted, Explained};
use wickr_operator_kube::{Class, Events, Failure, Happening, Live, Reported, shrug};

use crate::explain;

/// Tells the events of one controller.
pub struct Teller {
    events: Events,
    /// By uid: the keys of the last pass.
    held: Mutex<HashMap<String, HashSet<String>>>,
    /// Why the last event was not published, when the operator may not.
    unheard: Mutex<Option<Explained>>,
}

impl Teller {
    /// Through `events`.
    pub fn new(events: Events) -> Self {
        Self { events, held: Mutex::default(), unheard: Mutex::default() }
    }

    /// Tells what the last pass over this object did not have. The first pass after a start tells nothing when it
    /// found the status as it stood: whoever wrote that status has told it.
    pub async fn tell(&self, about: &Live, wanted: Vec<EventWanted>, reported: Reported) {
        let keys: HashSet<String> = wanted.iter().map(|event| event.key.clone()).collect();
        let before = self.held.lock().insert(about.uid().to_owned(), keys);
        if before.is_none() && reported == Reported::Unchanged {
            return;
        }
        let before = before.unwrap_or_default();
        for event in wanted.into_iter().filter(|event| !before.contains(&event.key)) {
            let happening = Happening {
                reason: event.reason.as_str(),
                warning: event.reason.is_warning(),
                action: event.reason.action(),
                note: event.note,
            };
            let key = event.key;
            let unheard = match self.events.publish(about, &happening).await {
                Ok(()) => None,
                Err(failure) => {
                    shrug(&failure);
                    // Told again by the next pass over which it still holds.
                    self.held.lock().entry(about.uid().to_owned()).or_default().remove(&key);
                    (failure.class() == Class::Forbidden).then(|| explain::failure(&failure, 0))
                }
            };
            *self.unheard.lock() = unheard;
        }
    }

    /// Which right was missing to publish the last event; `None` once one was published.
    pub fn unheard(&self) -> Option<Explained> {
        self.unheard.lock().clone()
    }

    /// Status could not be written: an event is the only place left to say so.
    pub async fn tell_instead_of_status(&self, about: &Live, failure: &Failure) {
        if failure.class() == Class::Forbidden {
            let event = EventWanted::new(EventReason::Forbidden, explain::failure(failure, 0).to_string());
            self.tell(about, vec![event], Reported::Written).await;
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.held.lock().remove(uid);
    }
}

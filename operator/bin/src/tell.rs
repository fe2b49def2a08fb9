//! Events of a pass: each is told when it begins to hold, not again while it goes on (published by `operator/kube`).

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use wickr_operator_core::EventWanted;
use wickr_operator_kube::{Events, Happening, Live, Reported, shrug};

/// Tells the events of one controller.
pub struct Teller {
    events: Events,
    /// By uid: the keys of the last pass.
    held: Mutex<HashMap<String, HashSet<String>>>,
}

impl Teller {
    /// Through `events`.
    pub fn new(events: Events) -> Self {
        Self { events, held: Mutex::default() }
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
            if let Err(failure) = self.events.publish(about, &happening).await {
                shrug(&failure);
            }
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.held.lock().remove(uid);
    }
}

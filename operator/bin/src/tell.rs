//! Events of a pass: each is told when it begins to hold, not again while it goes on, and kept until the API server takes
//! it (published by `operator/kube`).

use std::collections::{HashMap, HashSet, VecDeque};

use parking_lot::Mutex;
use wickr_operator_core::{EventReason, EventWanted, Explained};
use wickr_operator_kube::{Class, Events, Failure, Happening, Live, Reported, shrug};

use crate::explain;

/// Tells the events of one controller.
pub struct Teller {
    events: Events,
    /// By uid.
    told: Mutex<HashMap<String, Told>>,
    /// Why the last event was not published, when the operator may not.
    unheard: Mutex<Option<Explained>>,
}

/// What was told about an object.
#[derive(Default)]
struct Told {
    /// The keys of the last pass.
    held: HashSet<String>,
    /// Not published yet, the oldest first: much of it is wanted by one pass only, like that keys were made.
    unsent: VecDeque<EventWanted>,
}

/// Most events of an object that are kept until they can be published.
const KEPT: usize = 16;

impl Teller {
    /// Through `events`.
    pub fn new(events: Events) -> Self {
        Self { events, told: Mutex::default(), unheard: Mutex::default() }
    }

    /// Tells what the last pass over this object did not have, after what could not be published before. The first pass
    /// after a start tells nothing when it found the status as it stood: whoever wrote that status has told it.
    pub async fn tell(&self, about: &Live, wanted: Vec<EventWanted>, reported: Reported) {
        let mut events = self.due(about.uid(), wanted, reported);
        while let Some(event) = events.pop_front() {
            let happening = Happening {
                reason: event.reason.as_str(),
                warning: event.reason.is_warning(),
                action: event.reason.action(),
                note: event.note.clone(),
            };
            let Err(failure) = self.events.publish(about, &happening).await else {
                *self.unheard.lock() = None;
                continue;
            };
            shrug(&failure);
            let forbidden = failure.class() == Class::Forbidden;
            *self.unheard.lock() = forbidden.then(|| explain::failure(&failure, 0));
            if failure.class() == Class::Transient || forbidden {
                // The others would fare no better now.
                events.push_front(event);
                break;
            }
        }
        let spare = events.len().saturating_sub(KEPT);
        events.drain(..spare);
        self.told.lock().entry(about.uid().to_owned()).or_default().unsent = events;
    }

    /// What is to be published now.
    fn due(&self, uid: &str, wanted: Vec<EventWanted>, reported: Reported) -> VecDeque<EventWanted> {
        let keys: HashSet<String> = wanted.iter().map(|event| event.key.clone()).collect();
        let mut told = self.told.lock();
        let Some(before) = told.get_mut(uid) else {
            told.insert(uid.to_owned(), Told { held: keys, unsent: VecDeque::new() });
            let all = if reported == Reported::Unchanged { Vec::new() } else { wanted };
            return all.into();
        };
        let held = std::mem::replace(&mut before.held, keys);
        let mut events = std::mem::take(&mut before.unsent);
        events.extend(wanted.into_iter().filter(|event| !held.contains(&event.key)));
        events
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
        self.told.lock().remove(uid);
    }
}

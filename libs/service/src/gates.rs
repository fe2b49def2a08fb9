//! What must be true before a service is ready: named gates, each open or closed, with the reason.

use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;

/// All gates of a service; ready means that each is open.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<RwLock<Vec<GateState>>>);

/// One gate, in the hands of whoever knows.
#[derive(Debug, Clone)]
pub struct Gate {
    gates: Gates,
    at: usize,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateState {
    /// Its name.
    pub name: &'static str,
    /// Whether it lets the service be ready.
    pub open: bool,
    /// Why it is closed, or what is amiss although it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Gates {
    /// A new gate, closed until somebody opens it.
    pub fn gate(&self, name: &'static str) -> Gate {
        let mut states = self.0.write();
        states.push(GateState { name, open: false, detail: Some("starting".to_owned()) });
        Gate { gates: self.clone(), at: states.len() - 1 }
    }

    /// Whether each is open.
    pub fn ready(&self) -> bool {
        self.0.read().iter().all(|gate| gate.open)
    }

    /// How each stands.
    pub fn report(&self) -> Vec<GateState> {
        self.0.read().clone()
    }
}

impl Gate {
    /// All is well.
    pub fn open(&self) {
        self.set(true, None);
    }

    /// Open, but something is amiss that a person should know.
    pub fn open_but(&self, detail: impl Into<String>) {
        self.set(true, Some(detail.into()));
    }

    /// The service can't be ready, because.
    pub fn close(&self, detail: impl Into<String>) {
        self.set(false, Some(detail.into()));
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.gates.0.read()[self.at].open
    }

    fn set(&self, open: bool, detail: Option<String>) {
        let mut states = self.gates.0.write();
        let state = &mut states[self.at];
        if state.open != open || state.detail != detail {
            tracing::info!(gate = state.name, open, detail = detail.as_deref().unwrap_or(""), "gate");
        }
        state.open = open;
        state.detail = detail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_each_gate_is_open_and_says_why_when_not() {
        let gates = Gates::default();
        let (store, document) = (gates.gate("store"), gates.gate("document"));
        assert!(!gates.ready());
        store.open();
        document.open_but("it expires soon");
        assert!(gates.ready());
        store.close("no space");
        assert!(!gates.ready() && !store.is_open() && document.is_open());
        assert_eq!(gates.report()[0].detail.as_deref(), Some("no space"));
    }
}

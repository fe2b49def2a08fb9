//! Proof that the store stores: every 10 seconds a record is written, synced and read back.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::UnixMillis;
use wickr_service::Gate;
use wickr_store::queue::Operation;

use crate::relay::Relay;

const EVERY: Duration = Duration::from_secs(10);

/// The last attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct CanaryRun {
    pub(crate) ok: bool,
    /// When it last was well.
    pub(crate) at: Option<UnixMillis>,
    pub(crate) error: Option<String>,
}

#[derive(Default)]
pub(crate) struct CanaryState(Mutex<CanaryRun>);

impl CanaryState {
    pub(crate) fn get(&self) -> CanaryRun {
        self.0.lock().clone()
    }
}

/// Sings until it is dropped. Opens the gate when the store stores, and closes it when not.
pub(crate) async fn sing(relay: Arc<Relay>, gate: Gate) {
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        let result = relay.sing().await;
        let mut run = relay.canary.0.lock();
        match result {
            Ok(at) => {
                *run = CanaryRun { ok: true, at: Some(at), error: None };
                gate.open();
            }
            Err(error) => {
                gate.close(error.clone());
                *run = CanaryRun { ok: false, at: run.at, error: Some(error) };
            }
        }
    }
}

impl Relay {
    async fn sing(&self) -> Result<UnixMillis, String> {
        let before = self.now();
        self.ask(Operation::Canary).await.map_err(|refusal| refusal.detail)?;
        let read = self.store.canary().await.map_err(|error| error.to_string())?;
        match read.filter(|at| *at >= before) {
            Some(at) => Ok(at),
            None => Err("the record was written and could not be read back".to_owned()),
        }
    }
}

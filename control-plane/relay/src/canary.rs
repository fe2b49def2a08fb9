//! Proof that the store stores: every 10 seconds a record is written, synced and read back.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};
use wickr_base::UnixMillis;
use wickr_service::Gate;
use wickr_store::queue::{Operation, StoreError};
use wickr_wire::ProblemCode;

use crate::relay::Relay;
use crate::submit::Unanswered;

const EVERY: Duration = Duration::from_secs(10);

/// A writer that takes longer hangs, or is dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a record did not come back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Silence {
    /// The writer could not answer.
    #[error("writing: {0}")]
    Write(#[from] Unanswered),
    /// It could not be read.
    #[error("reading it back: {0}")]
    Read(StoreError),
    /// It was not there.
    #[error("the record was written and could not be read back")]
    Lost,
    /// Nothing came at all.
    #[error("the store has not answered within {} s", PATIENCE.as_secs())]
    Hangs,
}

impl Silence {
    /// The problem, for those who must tell one from another.
    pub(crate) fn code(&self) -> ProblemCode {
        match self {
            Self::Write(Unanswered::Store(StoreError::Full { .. })) | Self::Read(StoreError::Full { .. }) => {
                ProblemCode::StorageFull
            }
            Self::Write(Unanswered::Busy) => ProblemCode::Busy,
            _ => ProblemCode::Internal,
        }
    }
}

/// The last attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct CanaryRun {
    pub(crate) ok: bool,
    /// When it last was well.
    pub(crate) at: Option<UnixMillis>,
    pub(crate) error: Option<Silence>,
}

#[derive(Default)]
pub(crate) struct CanaryState(Mutex<CanaryRun>);

impl CanaryState {
    pub(crate) fn get(&self) -> CanaryRun {
        self.0.lock().clone()
    }
}

/// Sings until it is dropped. Opens the gate when the store stores or is merely full, and closes it otherwise.
pub(crate) async fn sing(relay: Arc<Relay>, gate: Gate) {
    let once = || async {
        let sung = relay.sing().await;
        if sung.is_ok() {
            relay.meters.storing.over();
        }
        sung
    };
    keep_singing(&relay.canary, &gate, once).await;
}

async fn keep_singing<Singing>(state: &CanaryState, gate: &Gate, once: impl Fn() -> Singing)
where
    Singing: Future<Output = Result<UnixMillis, Silence>>,
{
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let sung = timeout(PATIENCE, once()).await.unwrap_or(Err(Silence::Hangs));
        let mut run = state.0.lock();
        match sung {
            Ok(at) => {
                *run = CanaryRun { ok: true, at: Some(at), error: None };
                gate.open();
            }
            Err(error) => {
                // A full volume takes nothing new, but hands out what it holds: clients must still get in.
                if error.code() == ProblemCode::StorageFull {
                    gate.open_but(error.to_string());
                } else {
                    gate.close(error.to_string());
                }
                *run = CanaryRun { ok: false, at: run.at, error: Some(error) };
            }
        }
    }
}

impl Relay {
    async fn sing(&self) -> Result<UnixMillis, Silence> {
        let before = self.now();
        self.ask_store(Operation::Canary).await?;
        let read = self.store.canary().await.map_err(Silence::Read)?;
        read.filter(|at| *at >= before).ok_or(Silence::Lost)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use wickr_service::Gates;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_hangs_closes_the_gate_after_ten_seconds_until_a_canary_passes() {
        let (gates, state, hangs) = (Gates::default(), CanaryState::default(), AtomicBool::new(false));
        let gate = gates.gate("store");
        let singing = keep_singing(&state, &gate, || async {
            if hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            Ok(UnixMillis(7))
        });
        let watching = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert!(gate.is_open());
            hangs.store(true, Ordering::Relaxed);
            // The next one begins 10 s after the first, and is given up 10 s later.
            tokio::time::sleep(Duration::from_secs(16)).await;
            assert!(!gate.is_open());
            let detail = gates.report()[0].detail.clone().unwrap_or_default();
            assert!(detail.contains("has not answered within 10 s"), "{detail}");
            let run = state.get();
            assert_eq!((run.ok, run.at, run.error), (false, Some(UnixMillis(7)), Some(Silence::Hangs)));
            hangs.store(false, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert!(gate.is_open() && state.get().ok);
        };
        tokio::select! {
            () = singing => {}
            () = watching => {}
        }
    }

    #[test]
    fn the_cause_is_told_as_the_store_told_it() {
        let failed =
            StoreError::Failed { attempted: "syncing the journal", cause: "I/O error (os error 5)".into() };
        let error = Silence::from(Unanswered::Store(failed));
        assert_eq!(error.to_string(), "writing: syncing the journal: I/O error (os error 5)");
        assert_eq!(error.code(), ProblemCode::Internal);
        let full = Silence::from(Unanswered::Store(StoreError::Full { free: 1, needed: 2 }));
        assert_eq!(full.code(), ProblemCode::StorageFull);
    }
}

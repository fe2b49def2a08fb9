//! Whether this process may write now: asked before each write, waited for by those who act (moved by `keeper`).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use wickr_base::Clock;

use crate::{Fence, Standing};

/// One process's lead. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Lead {
    clock: Arc<dyn Clock>,
    span: Arc<watch::Sender<Span>>,
    standing: Arc<Mutex<Standing>>,
}

/// For how long it may write.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    /// Moves when it leads anew after somebody else may have.
    number: u64,
    until: Option<Duration>,
}

impl Lead {
    /// Doesn't lead until a lease is held.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Self { clock, span: Arc::new(watch::Sender::new(Span::default())), standing: Arc::default() }
    }

    /// Leads always: where there is no other, as in `kubectl wickr plan` and in tests of passes.
    pub fn alone(clock: Arc<dyn Clock>) -> Self {
        let lead = Self::none(clock);
        lead.open(Duration::MAX);
        lead.stands(Standing::Synced);
        lead
    }

    /// Whether it may write now. Time alone closes it: nobody need be awake for that.
    pub fn leads(&self) -> bool {
        let until = self.span.borrow().until;
        until.is_some_and(|until| self.clock.elapsed() < until)
    }

    /// The same, for those who write.
    pub fn fence(&self) -> Fence {
        let lead = self.clone();
        Arc::new(move || lead.leads())
    }

    /// Waits until it leads; the number is for `lost`.
    pub async fn gained(&self) -> u64 {
        let mut changes = self.span.subscribe();
        loop {
            let span = *changes.borrow_and_update();
            if self.leads() {
                return span.number;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits until it leads no more, or leads anew after somebody else may have.
    pub async fn lost(&self, number: u64) {
        let mut changes = self.span.subscribe();
        loop {
            let span = *changes.borrow_and_update();
            let Some(until) = span.until.filter(|_| span.number == number) else { return };
            let left = until.saturating_sub(self.clock.elapsed());
            if left.is_zero() {
                return;
            }
            // Only a change counts; who kept it may be gone, and then the time runs out.
            let changed = async {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            drop(tokio::time::timeout(left, changed).await);
        }
    }

    /// How it stands with the lease, for the health gates: no answer yet, an answer, or what the API server refuses.
    pub fn standing(&self) -> Standing {
        self.standing.lock().clone()
    }

    /// It may write until then; true when it might not before.
    pub(super) fn open(&self, until: Duration) -> bool {
        let mut begun = false;
        self.span.send_modify(|span| {
            begun = span.until.is_none();
            span.number += u64::from(begun);
            span.until = Some(until);
        });
        begun
    }

    /// It may write no more; true when it might until now.
    pub(super) fn close(&self) -> bool {
        let mut ended = false;
        self.span.send_if_modified(|span| {
            ended = span.until.take().is_some();
            ended
        });
        ended
    }

    /// Notes how it stands; true when that is news.
    pub(super) fn stands(&self, standing: Standing) -> bool {
        let mut stood = self.standing.lock();
        let news = *stood != standing;
        *stood = standing;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{ManualClock, UnixMillis};

    fn lead() -> (Lead, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        (Lead::none(clock.clone()), clock)
    }

    #[test]
    fn time_alone_ends_it_and_the_wall_clock_has_no_say() {
        let (lead, clock) = lead();
        assert!(!lead.leads());
        assert!(lead.open(Duration::from_secs(7)));
        let fence = lead.fence();
        assert!(fence());
        clock.set(UnixMillis::from_seconds(3600));
        assert!(fence());
        clock.advance(Duration::from_secs(7));
        assert!(!fence());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_end_is_told_at_the_deadline_and_not_before_a_renewed_one() {
        let (lead, clock) = lead();
        lead.open(Duration::from_secs(7));
        let number = lead.gained().await;
        clock.advance(Duration::from_secs(5));
        assert!(!lead.open(Duration::from_secs(12)), "it goes on");
        assert!(tokio::time::timeout(Duration::from_secs(1), lead.lost(number)).await.is_err());
        clock.advance(Duration::from_secs(7));
        lead.lost(number).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_lead_that_was_lost_and_regained_unnoticed_is_another_one() {
        let (lead, _) = lead();
        lead.open(Duration::from_secs(7));
        let number = lead.gained().await;
        assert!(lead.close());
        assert!(!lead.close());
        lead.open(Duration::from_secs(7));
        lead.lost(number).await;
        assert_ne!(lead.gained().await, number);
    }
}

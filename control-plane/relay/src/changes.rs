//! Following the directory's changes: revoked devices and ended sessions take effect here within a second.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{DeviceId, Incarnation, UnixMillis};
use wickr_pki::session::SESSION_LIFE;
use wickr_store::queue::{Change, Followed, Operation, Outcome};
use wickr_wire::ProblemCode;

use crate::feed::{ChangeFeed, FeedAnswer, FeedChange};
use crate::refusal::Refusal;
use crate::relay::Relay;

/// How long sso may hold an answer back.
const WAIT: Duration = Duration::from_secs(25);

/// Without word from sso for so long, nobody new is let in: revocations might be missed.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an ended session matters: its last token's life, and a minute for clocks.
const SESSION_MATTERS: Duration = Duration::from_secs(SESSION_LIFE.as_secs() + 60);

/// How the following goes, for those who ask.
#[derive(Default)]
pub(crate) struct Following {
    /// When sso last answered, monotonic milliseconds.
    answered: AtomicU64,
    applied: AtomicU64,
    at: Mutex<Option<UnixMillis>>,
}

impl Following {
    /// Whether somebody new may be let in.
    pub(crate) fn check(&self, elapsed: Duration) -> Result<(), Refusal> {
        let silent = elapsed.saturating_sub(Duration::from_millis(self.answered.load(Ordering::Relaxed)));
        if silent <= WAIT.max(LOST_AFTER) {
            return Ok(());
        }
        let detail = format!("no word of revoked devices for {} s; try again soon", silent.as_secs());
        Err(Refusal::new(ProblemCode::Busy, detail))
    }

    /// The number of the newest change that was applied, and when sso last answered.
    pub(crate) fn state(&self) -> (u64, Option<UnixMillis>) {
        (self.applied.load(Ordering::Relaxed), *self.at.lock())
    }

    fn heard(&self, relay: &Relay, number: u64) {
        self.answered.store(relay.ticks(), Ordering::Relaxed);
        self.applied.store(number, Ordering::Relaxed);
        *self.at.lock() = Some(relay.now());
    }
}

/// Follows until it is dropped.
pub(crate) async fn follow(relay: Arc<Relay>, feed: Arc<dyn ChangeFeed>) {
    relay.following.answered.store(relay.ticks(), Ordering::Relaxed);
    let mut follower = Follower { at: 0, incarnation: None, young: VecDeque::new() };
    match relay.store.followed().await {
        Ok(Some(followed)) => {
            (follower.at, follower.incarnation) = (followed.number, Some(followed.incarnation));
        }
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, "it is not known how far changes were followed; from the start");
        }
    }
    loop {
        match feed.after(follower.at, WAIT).await {
            Ok(answer) => {
                if let Err(refusal) = follower.take(&relay, answer).await {
                    tracing::error!(code = %refusal.code, "a change of the directory could not be applied");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "changes of the directory can't be followed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

struct Follower {
    /// The newest number taken.
    at: u64,
    incarnation: Option<Incarnation>,
    /// Ended sessions that must be read again after a restart, while their tokens live.
    young: VecDeque<(u64, UnixMillis)>,
}

impl Follower {
    async fn take(&mut self, relay: &Relay, answer: FeedAnswer) -> Result<(), Refusal> {
        let incarnation: Incarnation = answer
            .incarnation
            .parse()
            .map_err(|_| Refusal::internal("reading the directory's incarnation"))?;
        let known = self.incarnation.replace(incarnation);
        if known.is_some_and(|known| known != incarnation) || answer.head < self.at {
            tracing::warn!("the directory was restored; its changes are followed from the start");
            (self.at, self.young) = (0, VecDeque::new());
            return Ok(());
        }
        for change in &answer.changes {
            self.apply(relay, incarnation, change).await?;
            self.at = change.number;
        }
        if !answer.changes.is_empty() {
            let followed = self.safe(incarnation, relay.now());
            relay.ask(Operation::Apply(Change { followed, revoked: None })).await?;
        }
        relay.following.heard(relay, self.at);
        Ok(())
    }

    async fn apply(
        &mut self,
        relay: &Relay,
        incarnation: Incarnation,
        change: &FeedChange,
    ) -> Result<(), Refusal> {
        match (change.kind.as_str(), &change.session) {
            ("DeviceRevoked", _) => {
                let device: DeviceId =
                    change.device.parse().map_err(|_| Refusal::internal("reading a revoked device"))?;
                let followed = self.safe(incarnation, relay.now());
                relay.revoke(followed, device).await
            }
            ("SessionEnded", Some(session)) => {
                let (now, until) = (relay.now(), change.at.plus(SESSION_MATTERS));
                if until > now {
                    self.young.push_back((change.number, until));
                    relay.live.end_session(session, until, now);
                }
                Ok(())
            }
            (kind, _) => {
                tracing::debug!(kind, "a change that this version does not know");
                Ok(())
            }
        }
    }

    /// Up to where nothing need be read again after a restart.
    fn safe(&mut self, incarnation: Incarnation, now: UnixMillis) -> Followed {
        while self.young.front().is_some_and(|(_, until)| *until <= now) {
            self.young.pop_front();
        }
        let number = self.young.front().map_or(self.at, |(number, _)| number.saturating_sub(1).min(self.at));
        Followed { incarnation, number }
    }
}

impl Relay {
    /// Durable first; then its connection ends, and its rooms are told.
    async fn revoke(&self, followed: Followed, device: DeviceId) -> Result<(), Refusal> {
        let change = Change { followed, revoked: Some(device) };
        let Outcome::Revoked(rooms) = self.ask(Operation::Apply(change)).await? else {
            return Err(Refusal::internal("revoking a device"));
        };
        self.live.revoke(device);
        for id in rooms {
            if let Some(room) = self.rooms.get(&*self.store, &id).await? {
                room.live.lock().removals.insert(device);
            }
            // The other end lives as long as the relay.
            let _ = self.removals.send(id);
        }
        Ok(())
    }
}

//! Following the directory's changes: revoked devices and ended sessions take effect here within a second.
//!
//! A change that this version can't read may be a revocation. Those after it take effect all the same, but what is
//! remembered as followed stays before it, and as long as it is unread sso does not count as heard: after 30 s (at
//! once, for a relay that has just started) nobody new is let in, and status says which kind it is. A relay that can
//! read it (a newer one) takes it up at its start.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wickr_base::{DeviceId, Incarnation, UnixMillis};
use wickr_model::{Change as DirectoryChange, ChangeKind, ChangesAnswer, UnreadChange};
use wickr_pki::session::SESSION_LIFE;
use wickr_store::queue::{Change, Followed, Operation, Outcome};
use wickr_wire::ProblemCode;

use crate::feed::ChangeFeed;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::trouble::Trouble;

/// How long sso may hold an answer back.
const WAIT: Duration = Duration::from_secs(25);

/// Without word from sso for so long, nobody new is let in: revocations might be missed. Longer than `WAIT`, or a
/// quiet directory would look like a lost one.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// How long a sign-in may wait for the first word of all.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an ended session matters: its last token's life, and a minute for clocks.
const SESSION_MATTERS: Duration = Duration::from_secs(SESSION_LIFE.as_secs() + 60);

/// How the following goes, for those who ask.
#[derive(Default)]
pub(crate) struct Following {
    /// Whether sso has answered since the start: what was revoked while the relay was away is not known before.
    first_word: CancellationToken,
    /// When it last did, monotonic milliseconds.
    answered: AtomicU64,
    applied: AtomicU64,
    at: Mutex<Option<UnixMillis>>,
    /// Why there is no newer answer.
    why: Mutex<Option<String>>,
}

impl Following {
    /// Whether somebody new may be let in.
    pub(crate) fn check(&self, elapsed: Duration) -> Result<(), Refusal> {
        if !self.is_lost(elapsed) {
            return Ok(());
        }
        let detail = format!("no word of revoked devices {}; try again soon", self.silent(elapsed));
        Err(Refusal::new(ProblemCode::Busy, detail))
    }

    /// Waits a moment for the first word, which comes soon after a start unless sso is away.
    pub(crate) async fn wait_for_first_word(&self) {
        let _ = timeout(FIRST_WORD, self.first_word.cancelled()).await;
    }

    /// For how long nothing was heard; since the start when nothing ever was.
    pub(crate) fn age(&self, elapsed: Duration) -> Duration {
        elapsed.saturating_sub(Duration::from_millis(self.answered.load(Ordering::Relaxed)))
    }

    fn is_lost(&self, elapsed: Duration) -> bool {
        !self.first_word.is_cancelled() || self.age(elapsed) > LOST_AFTER
    }

    fn silent(&self, elapsed: Duration) -> String {
        if self.first_word.is_cancelled() {
            format!("for {} s", self.age(elapsed).as_secs())
        } else {
            "since the relay's start".to_owned()
        }
    }

    /// For `/status`: by the same judgement as newcomers are let in or not.
    pub(crate) fn state(&self, elapsed: Duration) -> FollowingState {
        let lost = self.is_lost(elapsed).then(|| {
            let why = self.why.lock().clone().unwrap_or_else(|| "sso has not answered".to_owned());
            format!("nothing was heard of revoked devices {}: {why}", self.silent(elapsed))
        });
        FollowingState { applied: self.applied.load(Ordering::Relaxed), at: *self.at.lock(), lost }
    }

    fn heard(&self, relay: &Relay, number: u64) {
        self.answered.store(relay.ticks(), Ordering::Relaxed);
        self.first_word.cancel();
        self.applied.store(number, Ordering::Relaxed);
        *self.at.lock() = Some(relay.now());
        *self.why.lock() = None;
    }

    fn failed(&self, why: &impl ToString) {
        *self.why.lock() = Some(why.to_string());
    }
}

/// What is told of the following.
pub(crate) struct FollowingState {
    /// The number of the newest change that was applied.
    pub(crate) applied: u64,
    /// When sso last answered.
    pub(crate) at: Option<UnixMillis>,
    /// Why nobody new is let in.
    pub(crate) lost: Option<String>,
}

/// Follows until it is dropped.
pub(crate) async fn follow(relay: Arc<Relay>, feed: Arc<dyn ChangeFeed>) {
    let mut follower = Follower { at: 0, incarnation: None, young: VecDeque::new(), unread: None };
    let trouble = Trouble::new("following the directory's changes");
    match relay.store.followed().await {
        Ok(Some(followed)) => {
            (follower.at, follower.incarnation) = (followed.number, Some(followed.incarnation));
        }
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, "it is not known how far changes were followed; from the start");
        }
    }
    // The first answer, and the first after a failure, is wanted at once: until it comes nobody is let in.
    let mut wait = Duration::ZERO;
    loop {
        let taken = match feed.after(follower.at, wait).await {
            Ok(answer) => follower.take(&relay, answer).await.map_err(|refusal| refusal.cause().to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(next) => {
                trouble.over();
                wait = next;
            }
            Err(why) => {
                wait = Duration::ZERO;
                relay.following.failed(&why);
                trouble.failed(why);
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
    /// The first change that could not be read.
    unread: Option<UnreadChange>,
}

impl Follower {
    /// Says how long the next answer may be held back.
    async fn take(&mut self, relay: &Relay, answer: ChangesAnswer) -> Result<Duration, Refusal> {
        let incarnation = answer.incarnation;
        let known = self.incarnation.replace(incarnation);
        if known.is_some_and(|known| known != incarnation) || answer.head < self.at {
            tracing::warn!("the directory was restored; its changes are followed from the start");
            (self.at, self.young, self.unread) = (0, VecDeque::new(), None);
            return Ok(Duration::ZERO);
        }
        for line in &answer.changes {
            match line.read() {
                Ok(change) => self.apply(relay, incarnation, &change).await?,
                Err(unread) => self.note_unread(relay, unread),
            }
            self.at = line.number;
        }
        if !answer.changes.is_empty() {
            let followed = self.safe(incarnation, relay.now());
            relay.ask(Operation::Apply(Change { followed, revoked: None })).await?;
        }
        match &self.unread {
            None => relay.following.heard(relay, self.at),
            Some(unread) => relay.following.failed(unread),
        }
        Ok(WAIT)
    }

    async fn apply(
        &mut self,
        relay: &Relay,
        incarnation: Incarnation,
        change: &DirectoryChange,
    ) -> Result<(), Refusal> {
        match change.kind {
            ChangeKind::DeviceRevoked => {
                let followed = self.safe(incarnation, relay.now());
                relay.revoke(followed, change.device).await
            }
            ChangeKind::SessionEnded(session) => {
                let (now, until) = (relay.now(), change.at.plus(SESSION_MATTERS));
                if until > now {
                    self.young.push_back((change.number, until));
                    relay.live.end_session(&session.to_string(), until, now);
                }
                Ok(())
            }
        }
    }

    fn note_unread(&mut self, relay: &Relay, unread: UnreadChange) {
        relay.meters.unread_changes.inc();
        tracing::warn!(%unread, "it may be a revocation: in 30 s nobody new is let in");
        // At once: the changes after it take effect one by one, each with a write, and whoever sees one of those take
        // effect and asks why nobody new is let in has to be told of this one.
        let first = self.unread.get_or_insert(unread);
        relay.following.failed(first);
    }

    /// Up to where nothing need be read again after a restart.
    fn safe(&mut self, incarnation: Incarnation, now: UnixMillis) -> Followed {
        while self.young.front().is_some_and(|(_, until)| *until <= now) {
            self.young.pop_front();
        }
        let again = self.young.front().map(|(number, _)| *number);
        let again = again.into_iter().chain(self.unread.as_ref().map(|unread| unread.number)).min();
        let number = again.map_or(self.at, |number| number.saturating_sub(1).min(self.at));
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
            self.removals.add(id);
        }
        Ok(())
    }
}

//! Asks live services how they are, outside every pass, and keeps the last word of each (read by gather).

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wickr_base::{Clock, UnixMillis};

use crate::Key;
use crate::caught::caught;
use crate::metrics::Polls;

/// Between two questions while all is well.
pub const CALM: Duration = Duration::from_secs(30);
/// Between two questions while something is not ready, or closing.
pub const EAGER: Duration = Duration::from_secs(5);
/// How long an answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// How many questions are under way at once.
const AT_ONCE: usize = 16;

/// How a service is asked.
pub trait Ask: Send + Sync + 'static {
    /// Whom; equal targets are one.
    type Target: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What it says.
    type Answer: Send + Sync + 'static;

    /// Asks once. The error is for people.
    fn ask(&self, target: &Self::Target) -> impl Future<Output = Result<Self::Answer, String>> + Send;

    /// Whether a pass has something new to say after this answer; counters that move all the time are no news.
    fn is_news(&self, before: &Self::Answer, after: &Self::Answer) -> bool;
}

/// Wakes whoever depends on what the targets of an owner say.
pub type Wake = Arc<dyn Fn(&Key) + Send + Sync>;

/// The last word of a target. A failed question replaces an answer at once.
#[derive(Debug)]
pub enum Heard<A> {
    /// It was not asked yet.
    Never,
    /// It answered.
    Answered {
        /// When.
        at: UnixMillis,
        /// What.
        answer: Arc<A>,
    },
    /// It did not.
    Failed {
        /// When.
        at: UnixMillis,
        /// Why, for people.
        error: String,
    },
}

impl<A> Clone for Heard<A> {
    fn clone(&self) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Answered { at, answer } => Self::Answered { at: *at, answer: answer.clone() },
            Self::Failed { at, error } => Self::Failed { at: *at, error: error.clone() },
        }
    }
}

/// The cache, and what fills it. Cheap to clone.
pub struct Poller<A: Ask> {
    inner: Arc<Inner<A>>,
}

impl<A: Ask> Clone for Poller<A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

type Entries<A> = HashMap<(Key, <A as Ask>::Target), Entry<<A as Ask>::Answer>>;

struct Inner<A: Ask> {
    ask: A,
    clock: Arc<dyn Clock>,
    wake: Wake,
    polls: Polls,
    entries: Mutex<Entries<A>>,
    changed: Notify,
}

#[derive(Debug)]
struct Entry<A> {
    heard: Heard<A>,
    eager: bool,
    due: Instant,
    running: bool,
}

impl<A: Ask> Poller<A> {
    /// Calls `wake` with the owner of a target when there is news.
    pub fn new(ask: A, clock: Arc<dyn Clock>, wake: Wake, polls: Polls) -> Self {
        let inner = Inner { ask, clock, wake, polls, entries: Mutex::default(), changed: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// From now on exactly `targets` are asked for `owner`; every 5 s while `eager`, else every 30 s. New ones at once.
    pub fn want(&self, owner: &Key, targets: &[A::Target], eager: bool) {
        let mut entries = self.inner.entries.lock();
        entries.retain(|(of, target), _| of != owner || targets.contains(target));
        let now = Instant::now();
        for target in targets {
            let entry = entries.entry((owner.clone(), target.clone())).or_insert_with(|| Entry {
                heard: Heard::Never,
                eager,
                due: now,
                running: false,
            });
            if eager && !entry.eager {
                entry.due = entry.due.min(now + EAGER);
            }
            entry.eager = eager;
        }
        self.inner.polls.targets.set(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        drop(entries);
        self.inner.changed.notify_one();
    }

    /// Asks nobody any more for `owner`.
    pub fn forget(&self, owner: &Key) {
        self.want(owner, &[], false);
    }

    /// Asks nobody any more, and forgets what was heard.
    pub fn forget_all(&self) {
        self.inner.entries.lock().clear();
        self.inner.polls.targets.set(0);
    }

    /// Asks again now, because something was changed there.
    pub fn hurry(&self, owner: &Key, target: &A::Target) {
        if let Some(entry) = self.inner.entries.lock().get_mut(&(owner.clone(), target.clone())) {
            entry.due = Instant::now();
        }
        self.inner.changed.notify_one();
    }

    /// The last word of `target`.
    pub fn heard(&self, owner: &Key, target: &A::Target) -> Heard<A::Answer> {
        let entries = self.inner.entries.lock();
        entries.get(&(owner.clone(), target.clone())).map_or(Heard::Never, |entry| entry.heard.clone())
    }

    /// Asks as it is due; ends only when dropped.
    pub async fn run(self) {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut questions = JoinSet::new();
        loop {
            let changed = self.inner.changed.notified();
            let (due, next) = self.due();
            for (owner, target) in due {
                let (poller, at_once) = (self.clone(), at_once.clone());
                questions.spawn(async move {
                    let _turn = at_once.acquire().await;
                    poller.question(owner, target).await;
                });
            }
            while questions.try_join_next().is_some() {}
            match next {
                Some(at) => drop(tokio::time::timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }

    fn due(&self) -> (Vec<(Key, A::Target)>, Option<Instant>) {
        let now = Instant::now();
        let mut entries = self.inner.entries.lock();
        let mut due = Vec::new();
        for (id, entry) in entries.iter_mut().filter(|(_, entry)| !entry.running && entry.due <= now) {
            entry.running = true;
            due.push(id.clone());
        }
        (due, entries.values().filter(|entry| !entry.running).map(|entry| entry.due).min())
    }

    async fn question(&self, owner: Key, target: A::Target) {
        let inner = &self.inner;
        inner.polls.asked.inc();
        let timer = inner.polls.duration.start_timer();
        // A panic is an answer too: a question without an end would be the last one to this target.
        let answer = match caught(tokio::time::timeout(TIMEOUT, inner.ask.ask(&target))).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
            Err(text) => {
                tracing::error!(?target, text, "a question panicked");
                Err(format!("the operator failed to ask: {text}"))
            }
        };
        timer.observe_duration();
        let at = inner.clock.now();
        let heard = match answer {
            Ok(answer) => Heard::Answered { at, answer: Arc::new(answer) },
            Err(error) => {
                inner.polls.failed.inc();
                Heard::Failed { at, error }
            }
        };
        let news = {
            let mut entries = inner.entries.lock();
            let Some(entry) = entries.get_mut(&(owner.clone(), target)) else { return };
            let failed = matches!(heard, Heard::Failed { .. });
            entry.due = Instant::now() + if entry.eager || failed { EAGER } else { CALM };
            entry.running = false;
            let news = self.is_news(&entry.heard, &heard);
            entry.heard = heard;
            news
        };
        inner.changed.notify_one();
        if news {
            (inner.wake)(&owner);
        }
    }

    fn is_news(&self, before: &Heard<A::Answer>, after: &Heard<A::Answer>) -> bool {
        match (before, after) {
            (Heard::Answered { answer: before, .. }, Heard::Answered { answer: after, .. }) => {
                self.inner.ask.is_news(before, after)
            }
            (Heard::Failed { error: before, .. }, Heard::Failed { error: after, .. }) => before != after,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Queue;
    use wickr_base::ManualClock;

    /// The error that the script's answer is not, but dies of.
    const PANIC: &str = "it should never be so";

    #[derive(Debug, Default)]
    struct Script {
        said: Mutex<Vec<Instant>>,
        answer: Mutex<Option<Result<u32, String>>>,
    }

    impl Ask for Arc<Script> {
        type Target = &'static str;
        type Answer = u32;

        async fn ask(&self, _: &&'static str) -> Result<u32, String> {
            self.said.lock().push(Instant::now());
            let answer = self.answer.lock().clone();
            match answer {
                Some(answer) => {
                    assert_ne!(answer, Err(PANIC.to_owned()), "{PANIC}");
                    answer
                }
                None => std::future::pending().await,
            }
        }

        fn is_news(&self, before: &u32, after: &u32) -> bool {
            before != after
        }
    }

    fn poller(answer: Option<Result<u32, String>>) -> (Poller<Arc<Script>>, Arc<Script>, Queue) {
        let queue = Queue::new();
        queue.open();
        let script = Arc::new(Script { answer: Mutex::new(answer), ..Script::default() });
        let clock = Arc::new(ManualClock::at(UnixMillis(1)));
        let polls = crate::Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().polls();
        let woken = queue.clone();
        let wake = Arc::new(move |owner: &Key| woken.add(owner.clone()));
        let poller = Poller::new(script.clone(), clock, wake, polls);
        tokio::spawn(poller.clone().run());
        (poller, script, queue)
    }

    fn owner() -> Key {
        Key::new("hq", "hq")
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_target_is_asked_at_once_then_every_30_seconds_and_only_news_wakes_its_owner() {
        let (poller, script, queue) = poller(Some(Ok(1)));
        let start = Instant::now();
        poller.want(&owner(), &["relay"], false);
        assert_eq!(queue.next().await, owner());
        queue.done(&owner(), None);
        assert!(tokio::time::timeout(Duration::from_secs(95), queue.next()).await.is_err());
        let seconds: Vec<u64> = script.said.lock().iter().map(|at| (*at - start).as_secs()).collect();
        assert_eq!(seconds, [0, 30, 60, 90]);
        *script.answer.lock() = Some(Ok(2));
        assert_eq!(queue.next().await, owner());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_question_counts_at_once_and_is_asked_again_after_5_seconds() {
        let (poller, script, queue) = poller(Some(Ok(1)));
        poller.want(&owner(), &["relay"], false);
        queue.done(&queue.next().await, None);
        *script.answer.lock() = Some(Err("refused".to_owned()));
        queue.done(&queue.next().await, None);
        assert!(
            matches!(poller.heard(&owner(), &"relay"), Heard::Failed { error, .. } if error == "refused")
        );
        let failed = Instant::now();
        *script.answer.lock() = Some(Ok(1));
        queue.done(&queue.next().await, None);
        assert_eq!(failed.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_fails_after_two_seconds() {
        let (poller, _script, queue) = poller(None);
        let start = Instant::now();
        poller.want(&owner(), &["relay"], true);
        queue.next().await;
        assert_eq!(start.elapsed(), TIMEOUT);
        assert!(matches!(poller.heard(&owner(), &"relay"), Heard::Failed { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_panics_has_failed_and_is_asked_again() {
        let (poller, script, queue) = poller(Some(Err(PANIC.to_owned())));
        poller.want(&owner(), &["relay"], false);
        let woken = || tokio::time::timeout(Duration::from_mins(1), queue.next());
        queue.done(&woken().await.unwrap(), None);
        assert!(
            matches!(poller.heard(&owner(), &"relay"), Heard::Failed { error, .. } if error.contains(PANIC))
        );
        *script.answer.lock() = Some(Ok(1));
        queue.done(&woken().await.unwrap(), None);
        assert!(matches!(poller.heard(&owner(), &"relay"), Heard::Answered { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_is_wanted_no_more_is_asked_no_more() {
        let (poller, script, queue) = poller(Some(Ok(1)));
        poller.want(&owner(), &["relay"], true);
        queue.done(&queue.next().await, None);
        poller.forget(&owner());
        assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
        assert_eq!(script.said.lock().len(), 1);
        assert!(matches!(poller.heard(&owner(), &"relay"), Heard::Never));
    }
}

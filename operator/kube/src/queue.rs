//! Which objects are to be looked at, and when: one slot per object, never two passes over it at once (run by `drive`).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Key;

/// A queue of keys. Cheap to clone; all clones are one queue.
///
/// A key that is added while its pass runs is looked at again right after. A delayed one has a single deadline:
/// the latest word counts, and `add` overrides it with now.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Key>,
    queued: HashSet<Key>,
    running: HashSet<Key>,
    again: HashSet<Key>,
    later: HashMap<Key, Instant>,
    deadlines: BTreeSet<(Instant, Key)>,
    open: bool,
}

impl Queue {
    /// An empty queue, closed: nothing is kept before `open`, so that no pass sees half-filled caches and a replica that
    /// only stands by gathers nothing. Who opens it adds every object there is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes keys in and lets them out.
    pub fn open(&self) {
        self.inner.state.lock().open = true;
    }

    /// Forgets everything, what runs too: whoever ran it is gone.
    pub fn close(&self) {
        *self.inner.state.lock() = State::default();
    }

    /// Asks for a pass over `key` as soon as possible.
    pub fn add(&self, key: Key) {
        let mut state = self.inner.state.lock();
        state.cancel(&key);
        state.enqueue(key);
        drop(state);
        self.inner.changed.notify_one();
    }

    /// Asks for a pass over `key` after `delay`, in place of what was planned for it.
    pub fn add_after(&self, key: Key, delay: Duration) {
        self.inner.state.lock().plan(key, Instant::now() + delay);
        self.inner.changed.notify_one();
    }

    /// Asks for a pass over `key` within `delay`, unless one is due sooner: several changes at once are one pass.
    pub fn add_within(&self, key: Key, delay: Duration) {
        let mut state = self.inner.state.lock();
        let at = Instant::now() + delay;
        if !state.queued.contains(&key) && state.later.get(&key).is_none_or(|planned| *planned > at) {
            state.plan(key, at);
        }
        drop(state);
        self.inner.changed.notify_one();
    }

    /// Drops what was planned for `key`.
    pub fn forget(&self, key: &Key) {
        self.inner.state.lock().cancel(key);
    }

    /// The next key; its pass must end with `done`.
    pub async fn next(&self) -> Key {
        loop {
            let changed = self.inner.changed.notified();
            let wait = {
                let mut state = self.inner.state.lock();
                let now = Instant::now();
                state.ripen(now);
                if let Some(key) = state.ready.pop_front() {
                    state.queued.remove(&key);
                    state.running.insert(key.clone());
                    let more = !state.ready.is_empty();
                    drop(state);
                    if more {
                        self.inner.changed.notify_one();
                    }
                    return key;
                }
                state.deadlines.first().map(|(at, _)| *at)
            };
            match wait {
                Some(at) => drop(tokio::time::timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }

    /// Ends the pass over `key`; the next one follows after `delay`, or at once when it was asked for meanwhile.
    pub fn done(&self, key: &Key, delay: Option<Duration>) {
        let mut state = self.inner.state.lock();
        state.running.remove(key);
        if state.again.remove(key) {
            state.enqueue(key.clone());
        } else if let Some(delay) = delay {
            // What was asked for meanwhile and is due sooner stays.
            let at = Instant::now() + delay;
            let sooner = state.later.get(key).is_some_and(|planned| *planned <= at);
            if !sooner {
                state.plan(key.clone(), at);
            }
        }
        drop(state);
        self.inner.changed.notify_one();
    }

    /// How many keys wait for a worker.
    pub fn depth(&self) -> usize {
        self.inner.state.lock().ready.len()
    }
}

impl State {
    fn enqueue(&mut self, key: Key) {
        if !self.open {
            return;
        }
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn plan(&mut self, key: Key, at: Instant) {
        self.cancel(&key);
        if !self.open {
            return;
        }
        self.later.insert(key.clone(), at);
        self.deadlines.insert((at, key));
    }

    fn cancel(&mut self, key: &Key) {
        if let Some(at) = self.later.remove(key) {
            self.deadlines.remove(&(at, key.clone()));
        }
    }

    fn ripen(&mut self, now: Instant) {
        while let Some((at, key)) = self.deadlines.pop_first() {
            if at > now {
                self.deadlines.insert((at, key));
                return;
            }
            self.later.remove(&key);
            self.enqueue(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("hq", name)
    }

    fn open() -> Queue {
        let queue = Queue::new();
        queue.open();
        queue
    }

    async fn is_idle(queue: &Queue) -> bool {
        tokio::time::timeout(Duration::from_millis(1), queue.next()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_of_one_object_are_one_pass() {
        let queue = open();
        (0..5).for_each(|_| queue.add(key("a")));
        assert_eq!(queue.next().await, key("a"));
        assert!(is_idle(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_during_a_pass_leads_to_exactly_one_more() {
        let queue = open();
        queue.add(key("a"));
        let running = queue.next().await;
        queue.add(key("a"));
        queue.add(key("a"));
        assert!(is_idle(&queue).await, "never two passes over one object");
        queue.done(&running, Some(Duration::from_mins(1)));
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"), None);
        assert!(is_idle(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_kept_and_a_change_overrides_it() {
        let queue = open();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(30));
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(start.elapsed().as_secs(), 30);
        queue.done(&key("a"), Some(Duration::from_secs(30)));
        queue.add(key("a"));
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(start.elapsed().as_secs(), 30);
        queue.done(&key("a"), None);
        assert!(is_idle(&queue).await, "the overridden deadline is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn several_answers_at_once_are_one_pass_a_little_later() {
        let queue = open();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(30));
        for _ in 0..4 {
            queue.add_within(key("a"), Duration::from_millis(100));
        }
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(start.elapsed().as_millis(), 100);
        queue.done(&key("a"), None);
        assert!(is_idle(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_keeps_nothing_and_who_opens_it_begins_anew() {
        let queue = Queue::new();
        queue.add(key("a"));
        queue.add_after(key("a"), Duration::from_secs(1));
        queue.open();
        assert!(tokio::time::timeout(Duration::from_secs(5), queue.next()).await.is_err());
        queue.add(key("a"));
        assert_eq!(queue.next().await, key("a"));
        queue.add(key("a"));
        queue.close();
        queue.done(&key("a"), Some(Duration::ZERO));
        queue.open();
        assert!(is_idle(&queue).await);
        queue.add(key("a"));
        assert_eq!(queue.next().await, key("a"), "whoever ran it is gone");
    }
}

//! Wakes those who wait for changes (`GET /changes`); the changes themselves are in the store.

use std::time::Duration;

use tokio::sync::watch;

/// The number of the newest change.
#[derive(Debug)]
pub(crate) struct Feed {
    head: watch::Sender<u64>,
}

impl Feed {
    pub(crate) fn at(head: u64) -> Self {
        Self { head: watch::Sender::new(head) }
    }

    /// A change with that number has been committed: wakes all who wait, at once.
    pub(crate) fn note(&self, number: u64) {
        self.head.send_if_modified(|head| {
            let newer = number > *head;
            *head = number.max(*head);
            newer
        });
    }

    /// Waits until there is a change above `after`, at most `wait`.
    pub(crate) async fn wait(&self, after: u64, wait: Duration) {
        let mut head = self.head.subscribe();
        // Both endings mean the same: look into the store.
        let _ = tokio::time::timeout(wait, head.wait_for(|head| *head > after)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_waiter_wakes_at_the_next_change_and_not_before() {
        let feed = Feed::at(3);
        let started = tokio::time::Instant::now();
        tokio::join!(feed.wait(3, Duration::from_secs(25)), async {
            feed.note(3);
            tokio::task::yield_now().await;
            feed.note(4);
        });
        assert_eq!(started.elapsed(), Duration::ZERO);
        feed.wait(4, Duration::from_secs(25)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(25));
    }
}

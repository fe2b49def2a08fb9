//! Whether watches that were cut off together have come back together: until all have listed, some kinds are shown as they
//! are and some as they were, and after a restore of etcd that is a state that never was (heeded by who acts).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kube::core::ApiResource;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long passes wait for the last watch: one that fails for good must not stop everything.
const MOST: Duration = Duration::from_secs(30);

/// Watches that failed and have not listed since. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resume(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cut: HashSet<(ApiResource, String)>,
    /// Since when some of them list while others do not yet.
    mixed: Option<Instant>,
}

impl Resume {
    /// A watch failed.
    pub(crate) fn cut(&self, resource: &ApiResource, scope: &str) {
        self.0.lock().cut.insert((resource.clone(), scope.to_owned()));
    }

    /// One of them begins its list.
    pub(crate) fn lists(&self) {
        let mut state = self.0.lock();
        if !state.cut.is_empty() && state.mixed.is_none_or(|since| since.elapsed() >= MOST) {
            state.mixed = Some(Instant::now());
        }
    }

    /// It has listed.
    pub(crate) fn listed(&self, resource: &ApiResource, scope: &str) {
        let mut state = self.0.lock();
        state.cut.remove(&(resource.clone(), scope.to_owned()));
        if state.cut.is_empty() {
            state.mixed = None;
        }
    }

    /// Whether some are back and some are not.
    pub(crate) fn is_mixed(&self) -> bool {
        self.0.lock().mixed.is_some_and(|since| since.elapsed() < MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Pod, Secret};

    #[tokio::test(start_paused = true)]
    async fn nothing_is_decided_between_the_first_list_and_the_last_but_not_for_ever() {
        let (secrets, pods) = (ApiResource::erase::<Secret>(&()), ApiResource::erase::<Pod>(&()));
        let resume = Resume::default();
        resume.lists();
        assert!(!resume.is_mixed(), "at the start nothing was cut off");
        resume.cut(&secrets, "");
        resume.cut(&pods, "");
        assert!(!resume.is_mixed(), "all of it is as it was");
        resume.lists();
        resume.listed(&secrets, "");
        assert!(resume.is_mixed());
        resume.listed(&pods, "");
        assert!(!resume.is_mixed());
        resume.cut(&pods, "");
        resume.lists();
        tokio::time::advance(MOST).await;
        assert!(!resume.is_mixed());
        resume.lists();
        assert!(resume.is_mixed(), "one that fails for good does not end this for the others");
    }
}

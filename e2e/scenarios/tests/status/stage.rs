//! What the acts say of conditions: what must be told when something is wrong, and that it heals (the acts: beside).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wickr_cluster::progress::say;
use wickr_scenarios::kubernetes::{Condition, Kubernetes, Place};

/// Within this time whatever is wrong is told.
pub(crate) const TOLD: Duration = Duration::from_secs(90);
/// Within this time what was undone is well again: pods start, and the provider's Secret is read once a minute.
pub(crate) const HEALED: Duration = Duration::from_secs(150);

/// One object whose status is watched.
#[derive(Clone)]
pub(crate) struct Told<'a> {
    pub(crate) kubernetes: &'a Kubernetes,
    pub(crate) place: Place<'a>,
}

impl Told<'_> {
    /// Waits until the condition has that status and reason and its message all of `words`, then lets people read it.
    pub(crate) fn says(
        &self,
        condition: &str,
        status: &str,
        reason: &str,
        words: &[&str],
    ) -> Result<Condition> {
        let fits = |seen: &Condition| {
            seen.status == status
                && seen.reason == reason
                && words.iter().all(|word| seen.message.contains(word))
        };
        let seen = self.kubernetes.wait(&self.place, condition, TOLD, fits).with_context(|| {
            format!("{condition} should have been {status}, {reason}, with the words {words:?}")
        })?;
        let Place { namespace, kind, name } = self.place;
        say(&format!(
            "{kind} {namespace}/{name}: {condition}={status}, {reason}: {}",
            seen.message.replace('\n', " ")
        ));
        Ok(seen)
    }

    /// The same about something that is wrong: it says what to do next, and Ready is False and says it too.
    pub(crate) fn is_broken(&self, condition: &str, reason: &str, words: &[&str]) -> Result<()> {
        let seen = self.says(condition, "False", reason, words)?;
        ensure!(seen.message.contains("Next: "), "it doesn't say what to do: {}", seen.message);
        let names_it = |ready: &Condition| {
            ready.status == "False" && words.iter().all(|word| ready.message.contains(word))
        };
        let ready = self.kubernetes.wait(&self.place, "Ready", TOLD, names_it);
        ready.with_context(|| format!("Ready should have been False because of {words:?}"))?;
        Ok(())
    }

    /// Waits until the condition holds.
    pub(crate) fn is_well(&self, condition: &str) -> Result<()> {
        self.kubernetes.wait(&self.place, condition, HEALED, Condition::is_true).map(drop)
    }
}

//! What is due when, after delays that keep many devices from doing the same at once. Pure; kept in memory only,
//! because what it plans for stands in the store and is planned again after a restart.

use std::collections::HashMap;
use std::time::Duration;

use wickr_base::{Rng, RoomId};

use crate::timings::{Spread, Timings};

/// One thing to do in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Task {
    /// Commit what others have proposed.
    Proposals,
    /// Send the empty path commit that a joiner owes.
    Path,
    /// Make a fresh group.
    Repair,
}

/// Tasks by room, each with the monotonic time at which it is due.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: HashMap<(RoomId, Task), Duration>,
    failures: HashMap<(RoomId, Task), u32>,
}

impl Task {
    fn spread(self, timings: &Timings) -> Spread {
        match self {
            Self::Proposals => timings.commit_proposals,
            Self::Path => timings.path_after_join,
            Self::Repair => timings.repair,
        }
    }
}

impl Agenda {
    /// Plans a task unless it is planned already.
    pub(super) fn plan(
        &mut self,
        room: &RoomId,
        task: Task,
        now: Duration,
        timings: &Timings,
        rng: &dyn Rng,
    ) {
        self.due.entry((room.clone(), task)).or_insert_with(|| now + task.spread(timings).pick(rng));
    }

    /// Plans it again after a failure, later each time.
    pub(super) fn again(
        &mut self,
        room: &RoomId,
        task: Task,
        now: Duration,
        timings: &Timings,
        rng: &dyn Rng,
    ) {
        let key = (room.clone(), task);
        let failures = self.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        let delay = timings.reconnect(*failures, rng) + task.spread(timings).pick(rng);
        self.due.insert(key, now + delay);
    }

    /// It is done, or there is no need any more.
    pub(super) fn settle(&mut self, room: &RoomId, task: Task) {
        let key = (room.clone(), task);
        self.due.remove(&key);
        self.failures.remove(&key);
    }

    /// Takes out what is due.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<(RoomId, Task)> {
        let mut due: Vec<_> =
            self.due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        due.sort();
        for key in &due {
            self.due.remove(key);
        }
        due
    }

    /// How long until the next task is due.
    pub(super) fn next(&self, now: Duration) -> Option<Duration> {
        self.due.values().min().map(|at| at.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn room(seed: u64) -> RoomId {
        RoomId::random("hq.example".parse().unwrap(), &SeededRng::new(seed))
    }

    #[test]
    fn a_task_is_due_once_within_its_spread() {
        let (mut agenda, rng, timings) = (Agenda::default(), SeededRng::new(1), Timings::default());
        let start = Duration::from_secs(100);
        agenda.plan(&room(1), Task::Proposals, start, &timings, &rng);
        let planned = agenda.next(start).unwrap();
        agenda.plan(&room(1), Task::Proposals, start + timings.commit_proposals.most, &timings, &rng);
        assert_eq!(agenda.next(start).unwrap(), planned, "planning again moves nothing");
        assert!(agenda.take_due(start).is_empty());
        let end = start + timings.commit_proposals.most;
        assert_eq!(agenda.take_due(end), [(room(1), Task::Proposals)]);
        assert!(agenda.take_due(end).is_empty() && agenda.next(end).is_none());
    }

    #[test]
    fn devices_pick_different_instants() {
        let timings = Timings::default();
        let pick = |seed| {
            let mut agenda = Agenda::default();
            agenda.plan(&room(1), Task::Repair, Duration::ZERO, &timings, &SeededRng::new(seed));
            agenda.next(Duration::ZERO)
        };
        assert_ne!(pick(1), pick(2));
    }

    #[test]
    fn a_task_that_keeps_failing_is_tried_ever_less() {
        let (mut agenda, rng, timings) = (Agenda::default(), SeededRng::new(1), Timings::default());
        let mut delays = Vec::new();
        for _ in 0..10 {
            agenda.again(&room(1), Task::Repair, Duration::ZERO, &timings, &rng);
            delays.push(agenda.next(Duration::ZERO).unwrap());
        }
        assert!(delays[9] > delays[0] * 3, "{delays:?}");
        agenda.settle(&room(1), Task::Repair);
        assert_eq!(agenda.next(Duration::ZERO), None);
    }
}

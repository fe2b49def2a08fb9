//! Conditions: facts about an object, merged into the list so that a transition time moves only with its status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use wickr_base::UnixMillis;

/// Longest message that is kept; the rest is cut.
const LONGEST: usize = 2000;

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// It was never asked.
    Unknown,
}

/// One condition before it has its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Whether it is so.
    pub truth: Truth,
    /// One word for programs.
    pub reason: &'static str,
    /// What, where, why, and what to do next.
    pub message: String,
}

impl Truth {
    /// As in `status:` of a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl Fact {
    /// It is so.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::True, reason, message: message.into() }
    }

    /// It is not so.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::False, reason, message: message.into() }
    }

    /// It was never asked.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::Unknown, reason, message: message.into() }
    }

    /// Whether it is so.
    pub fn is_true(&self) -> bool {
        self.truth == Truth::True
    }
}

/// The list that follows `previous` when `facts` hold now. A type that `facts` doesn't name keeps its entry.
pub(crate) fn conditions(
    previous: &[Condition],
    facts: &[(&'static str, Fact)],
    generation: Option<i64>,
    now: UnixMillis,
) -> Vec<Condition> {
    let mut out = previous.to_vec();
    for (type_, fact) in facts {
        let before = out.iter().position(|condition| condition.type_ == *type_);
        let same = before.filter(|at| out[*at].status == fact.truth.as_str());
        let since = same.map_or_else(|| time(now), |at| out[at].last_transition_time.clone());
        let condition = Condition {
            type_: (*type_).to_owned(),
            status: fact.truth.as_str().to_owned(),
            reason: fact.reason.to_owned(),
            message: shortened(&fact.message),
            observed_generation: generation,
            last_transition_time: since,
        };
        match before {
            Some(at) => out[at] = condition,
            None => out.push(condition),
        }
    }
    out
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// A time as the API server writes it: whole seconds.
pub fn time(at: UnixMillis) -> Time {
    Time(jiff::Timestamp::from_second(at.seconds()).unwrap_or_default())
}

/// A time read from the API server.
pub fn millis(at: &Time) -> UnixMillis {
    UnixMillis(at.0.as_millisecond())
}

/// The text, cut to what a condition holds.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> UnixMillis {
        UnixMillis::from_seconds(seconds)
    }

    #[test]
    fn another_reason_alone_does_not_move_the_transition_time() {
        let first = conditions(&[], &[("Ready", Fact::no("A", "a"))], Some(1), at(10));
        let second = conditions(&first, &[("Ready", Fact::no("B", "b"))], Some(2), at(20));
        assert_eq!(second[0].last_transition_time, time(at(10)));
        assert_eq!((second[0].reason.as_str(), second[0].observed_generation), ("B", Some(2)));
        let third = conditions(&second, &[("Ready", Fact::yes("C", ""))], Some(2), at(30));
        assert_eq!(third[0].last_transition_time, time(at(30)));
    }

    #[test]
    fn what_nobody_judged_keeps_its_entry() {
        let first = conditions(&[], &[("Ready", Fact::yes("A", ""))], Some(1), at(10));
        let second = conditions(&first, &[("Degraded", Fact::no("B", ""))], Some(1), at(20));
        assert_eq!(second[0], first[0]);
        assert_eq!(second.len(), 2);
    }

    fn fact() -> impl Strategy<Value = Fact> {
        let truth = prop_oneof![Just(Truth::True), Just(Truth::False), Just(Truth::Unknown)];
        let reason = prop_oneof![Just("A"), Just("B")];
        (truth, reason, ".{0,4}").prop_map(|(truth, reason, message)| Fact { truth, reason, message })
    }

    proptest! {
        #[test]
        fn a_transition_time_moves_exactly_when_the_status_does(facts in prop::collection::vec(fact(), 1..20)) {
            let mut list = Vec::new();
            for (pass, fact) in (1_i64..).zip(facts) {
                let before: Option<Condition> = list.first().cloned();
                list = conditions(&list, &[("Ready", fact.clone())], Some(1), at(pass));
                let moved = list[0].last_transition_time == time(at(pass));
                let changed = before.is_none_or(|before| before.status != fact.truth.as_str());
                prop_assert_eq!(moved, changed);
                prop_assert_eq!(conditions(&list, &[("Ready", fact)], Some(1), at(1000)), list.clone());
            }
        }
    }
}

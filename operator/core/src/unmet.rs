//! Which conditions are not as they should be (how often, over all objects: a metric of the driver's).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::network::condition::{DEGRADED, PROGRESSING};

/// Type and reason of each condition that isn't as it should be. Change that is under way is nothing bad.
pub fn unmet(conditions: &[Condition]) -> impl Iterator<Item = (String, String)> {
    conditions
        .iter()
        .filter(|condition| match condition.type_.as_str() {
            PROGRESSING => false,
            DEGRADED => condition.status != "False",
            _ => condition.status != "True",
        })
        .map(|condition| (condition.type_.clone(), condition.reason.clone()))
}

#[cfg(test)]
mod tests {
    use wickr_base::UnixMillis;

    use super::*;
    use crate::condition::{Fact, conditions};

    #[test]
    fn a_condition_is_unmet_when_it_says_that_something_is_wrong_or_not_known() {
        let of = |facts: &[(&'static str, Fact)]| -> Vec<String> {
            unmet(&conditions(&[], facts, None, UnixMillis(0))).map(|(type_, _)| type_).collect()
        };
        assert!(of(&[("Ready", Fact::yes("A", "")), ("Degraded", Fact::no("A", ""))]).is_empty());
        assert!(of(&[("Progressing", Fact::yes("A", "")), ("Progressing", Fact::no("A", ""))]).is_empty());
        assert_eq!(
            of(&[("Ready", Fact::unknown("A", "")), ("Degraded", Fact::yes("A", ""))]),
            ["Ready", "Degraded"]
        );
        assert_eq!(of(&[("KeysLasting", Fact::no("A", ""))]), ["KeysLasting"]);
    }
}

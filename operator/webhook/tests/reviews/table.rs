//! One request, one verdict.

use serde_json::{Value, json};
use wickr_operator_webhook::{Verdict, review};

use crate::{NOW, alone, asked, bad_provider, causes, network, older, provider, request};

#[test]
fn a_refusal_lists_every_finding_with_field_reason_and_what_to_do() {
    let review = alone(&asked("CREATE", &bad_provider(), None));
    assert_eq!(review.verdict, Verdict::Refused);
    insta::assert_yaml_snapshot!(review.response);
}

#[test]
fn what_the_demo_says_is_taken_without_a_word() {
    for object in [network(), provider()] {
        let review = alone(&asked("CREATE", &object, None));
        assert_eq!(review.verdict, Verdict::Allowed, "{:?}", review.response);
        assert_eq!(review.response.warnings, None);
    }
}

#[test]
fn an_older_network_in_the_way_is_a_warning_because_it_may_go() {
    let mut young = network();
    young["metadata"]["creationTimestamp"] = "2026-11-01T00:00:00Z".into();
    let asked = asked("CREATE", &young, None);
    let review = review(&request(&asked), &|network| vec![older(&network.spec.domain)], NOW);
    assert_eq!((review.verdict, review.response.allowed), (Verdict::Warned, true));
    let warnings = review.response.warnings.unwrap();
    assert!(
        warnings[0].contains("spec.domain (DomainTaken)") && warnings[0].contains("other/first"),
        "{warnings:?}"
    );
}

#[test]
fn an_object_that_is_being_deleted_is_never_kept() {
    let mut old = bad_provider();
    old["metadata"]["finalizers"] = json!(["wickr.dev/remove-data"]);
    old["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z".into();
    let mut going = old.clone();
    going["metadata"]["finalizers"] = json!([]);
    going["spec"]["refreshGrace"] = "9001h".into();
    assert_eq!(alone(&asked("UPDATE", &going, Some(&old))).verdict, Verdict::Allowed);
    assert_eq!(alone(&asked("DELETE", &going, None)).verdict, Verdict::Allowed);
    let mut gone = asked("DELETE", &going, None);
    gone["request"]["oldObject"] = gone["request"]["object"].take();
    assert_eq!(alone(&gone).verdict, Verdict::Allowed);
}

#[test]
fn a_bad_object_that_is_stored_stays_operable() {
    let old = bad_provider();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = old.clone();
        change(&mut object);
        alone(&asked("UPDATE", &object, Some(&old)))
    };
    let labelled = with(&|object| object["metadata"]["labels"] = json!({"a": "b"}));
    assert_eq!((labelled.verdict, labelled.response.warnings), (Verdict::Allowed, None));
    // Another field: what was wrong before is told, and doesn't stand in the way.
    let other = with(&|object| object["spec"]["clientId"] = "other".into());
    assert_eq!(other.verdict, Verdict::Warned);
    assert_eq!(other.response.warnings.unwrap().len(), 3);
    let better = with(&|object| object["spec"]["refreshGrace"] = "60m".into());
    assert_eq!(better.response.warnings.unwrap().len(), 2);
    let worse = with(&|object| object["spec"]["cidrs"] = json!(["169.254.1.1/32"]));
    assert_eq!(causes(&worse), [("spec.cidrs[0]".to_owned(), "AddressRefused".to_owned())]);
}

#[test]
fn an_object_that_cannot_be_read_names_the_field_and_what_to_do() {
    let mut strange = network();
    strange["spec"]["cryptography"] = json!({"suite": "X25519"});
    let review = alone(&asked("CREATE", &strange, None));
    let message = review.response.result.message;
    for words in ["spec.cryptography.suite (Unreadable)", "unknown variant `X25519`", "upgrade the operator"]
    {
        assert!(message.contains(words), "{message}");
    }
    let mut labelled = strange.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(alone(&asked("UPDATE", &labelled, Some(&strange))).verdict, Verdict::Allowed);
    assert_eq!(alone(&asked("UPDATE", &network(), Some(&strange))).verdict, Verdict::Allowed);
}

#[test]
fn status_and_kinds_of_others_are_none_of_its_business() {
    let mut status = asked("UPDATE", &bad_provider(), Some(&provider()));
    status["request"]["subResource"] = "status".into();
    assert_eq!(alone(&status).verdict, Verdict::Allowed);
    let mut other = asked("CREATE", &bad_provider(), None);
    other["request"]["kind"] = json!({"group": "example.org", "version": "v1", "kind": "IdentityProvider"});
    let review = alone(&other);
    assert_eq!((review.verdict, review.kind), (Verdict::Allowed, "other"));
}

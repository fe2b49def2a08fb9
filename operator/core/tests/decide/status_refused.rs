//! What status says when somebody says no: to the spec, to what it points at, to the operator itself.

use std::collections::BTreeMap;

use crate::world::{START, World, message, ready, told};
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::LocalReference;
use wickr_operator_core::network::{GivenSecret, Neighbour, Outcome, condition, report};
use wickr_operator_core::{Explained, FailureClass, Lookup};

#[test]
fn a_wrong_spec_is_refused_with_every_finding_while_what_runs_goes_on_being_told() {
    let mut world = World::up();
    world.network.spec.exposure.service.sso_port = 30443;
    world.network.spec.capacity.users = 0;
    let status = world.report(None);
    assert_eq!(told(&status, condition::ACCEPTED), "False OutOfRange");
    let text = message(&status, condition::ACCEPTED);
    assert!(text.contains("spec.capacity.users") && text.contains("spec.exposure.service.ssoPort"), "{text}");
    assert_eq!(told(&status, condition::RELAY), "True CanaryRead");
    assert_eq!(told(&status, condition::READY), "False OutOfRange");
}

#[test]
fn a_missing_secret_is_named_with_its_field() {
    let mut world = World::up();
    world.network.spec.exposure.tls = wickr_operator_api::v1alpha1::PublicTls {
        managed: None,
        secret_ref: Some(LocalReference { name: "chat-tls".to_owned() }),
    };
    world.refs.public_tls = Some(Lookup::Missing);
    let status = world.report(None);
    assert_eq!(told(&status, condition::READY), "False SecretMissing");
    let text = message(&status, condition::READY);
    assert!(text.contains("spec.exposure.tls.secretRef.name: Secret \"chat-tls\""), "{text}");
}

#[test]
fn a_given_certificate_for_another_name_is_refused() {
    let mut world = World::up();
    let other = world.issuers.public_tls("other.example", START, std::time::Duration::from_hours(24));
    let secret = wickr_operator_testkit::keys::data(&other, &world.issuers.workload);
    world.network.spec.exposure.tls = wickr_operator_api::v1alpha1::PublicTls {
        managed: None,
        secret_ref: Some(LocalReference { name: "chat-tls".to_owned() }),
    };
    world.refs.public_tls = Some(Lookup::Found(GivenSecret { data: secret.clone(), network: None }));
    let status = world.report(None);
    assert_eq!(told(&status, condition::READY), "False CertificateUnfit");
    assert!(message(&status, condition::READY).contains("\"other.example\", not for \"chat.hq.example\""));
    let mut keyless: BTreeMap<String, Vec<u8>> = secret;
    keyless.remove("ca.crt");
    world.refs.public_tls = Some(Lookup::Found(GivenSecret { data: keyless, network: None }));
    assert_eq!(ready(&mut world), "False KeyMissing");
}

#[test]
fn a_network_cannot_be_made_to_mount_its_own_root_key() {
    let mut world = World::up();
    world.network.spec.exposure.tls = wickr_operator_api::v1alpha1::PublicTls {
        managed: None,
        secret_ref: Some(LocalReference { name: "hq-root".to_owned() }),
    };
    let root = wickr_operator_testkit::keys::data(&world.issuers.root, &world.issuers.root);
    world.refs.public_tls = Some(Lookup::Found(GivenSecret { data: root, network: Some("hq".to_owned()) }));
    assert_eq!(ready(&mut world), "False SecretReserved");
}

#[test]
fn annotations_that_are_ours_or_no_names_are_refused_before_the_api_server_would() {
    let mut world = World::up();
    let service = &mut world.network.spec.exposure.service;
    service.kind = wickr_operator_api::v1alpha1::ServiceType::LoadBalancer;
    service.annotations.insert("wickr.dev/applied".to_owned(), "mine".to_owned());
    service.annotations.insert("not a name".to_owned(), String::new());
    let status = world.report(None);
    assert_eq!(told(&status, condition::ACCEPTED), "False Unreadable");
    let text = message(&status, condition::ACCEPTED);
    for part in ["spec.exposure.service.annotations", "\"wickr.dev/applied\"", "\"not a name\""] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn of_two_networks_with_one_domain_or_one_namespace_the_younger_is_refused_and_both_are_named() {
    let neighbour = |namespace: &str, domain: &str, created: i64| Neighbour {
        namespace: namespace.to_owned(),
        name: "first".to_owned(),
        uid: "uid-of-first".to_owned(),
        domain: domain.to_owned(),
        created: UnixMillis::from_seconds(created),
    };
    let mut world = World::up();
    world.refs.neighbours = vec![neighbour("other", "hq.example", 1000)];
    let status = world.report(None);
    assert_eq!(told(&status, condition::READY), "False DomainTaken");
    let text = message(&status, condition::READY);
    assert!(text.contains("other/first") && text.contains("hq/hq"), "{text}");
    world.refs.neighbours = vec![neighbour("hq", "else.example", 1000)];
    assert_eq!(ready(&mut world), "False NamespaceTaken");
    // The older one is not troubled by the younger.
    world.refs.neighbours = vec![neighbour("other", "hq.example", 4_000_000_000)];
    assert_eq!(ready(&mut world), "True Ready");
}

#[test]
fn a_missing_right_is_told_with_verb_and_kind_and_makes_it_degraded() {
    let mut world = World::up();
    let failure = Explained {
        class: FailureClass::Forbidden,
        attempted: "create Service hq/hq-relay".to_owned(),
        message: "services is forbidden: User \"x\" cannot create resource \"services\"".to_owned(),
        next: "grant the operator the verb create on services in namespace \"hq\"".to_owned(),
        attempts: 1,
    };
    let status = world.report(Some(&failure));
    assert_eq!(told(&status, condition::DEGRADED), "True Forbidden");
    assert!(message(&status, condition::DEGRADED).contains("verb create on services"));
    assert_eq!(told(&status, condition::READY), "True Ready", "who serves goes on serving");
}

#[test]
fn a_right_to_look_at_storage_classes_or_to_publish_events_that_is_missing_is_told_too() {
    let lacking = |verb: &str, plural: &str| Explained {
        class: FailureClass::Forbidden,
        attempted: format!("{verb} {plural}"),
        message: format!("{plural} is forbidden"),
        next: format!("grant the operator the verb {verb} on {plural} in the whole cluster"),
        attempts: 1,
    };
    let mut world = World::up();
    world.refs.storage_classes = Lookup::Unreadable(lacking("list", "storageclasses.storage.k8s.io"));
    let status = world.report(None);
    assert_eq!(told(&status, condition::DEGRADED), "True Forbidden");
    let text = message(&status, condition::DEGRADED);
    assert!(
        text.contains("Next: grant the operator the verb list on storageclasses.storage.k8s.io"),
        "{text}"
    );
    assert_eq!(told(&status, condition::READY), "True Ready");

    let mut world = World::up();
    world.unheard = Some(lacking("create", "events.events.k8s.io"));
    let status = world.report(None);
    assert_eq!(told(&status, condition::DEGRADED), "True Forbidden");
    let text = message(&status, condition::DEGRADED);
    assert!(
        text.contains("events are not published") && text.contains("the verb create on events"),
        "{text}"
    );
}

#[test]
fn a_hiccup_is_told_only_from_the_third_time_on() {
    let mut world = World::up();
    let failure = |attempts| Explained {
        class: FailureClass::Transient,
        attempted: "apply Service hq/hq-relay".to_owned(),
        message: "too many requests".to_owned(),
        next: "nothing".to_owned(),
        attempts,
    };
    assert_eq!(told(&world.report(Some(&failure(1))), condition::DEGRADED), "False AsExpected");
    assert_eq!(told(&world.report(Some(&failure(3))), condition::DEGRADED), "True Retrying");
}

#[test]
fn when_nothing_could_be_gathered_the_parts_keep_what_they_said_and_ready_says_that_nobody_knows() {
    let mut world = World::up();
    let before = world.report(None);
    let failure = Explained {
        class: FailureClass::Forbidden,
        attempted: "list and watch secrets".to_owned(),
        message: "forbidden".to_owned(),
        next: "grant it".to_owned(),
        attempts: 1,
    };
    let status = report(&world.network, None, &Outcome::Failed(&failure), world.now);
    assert_eq!(told(&status, condition::READY), "False Forbidden");
    assert_eq!(told(&status, condition::RELAY), told(&before, condition::RELAY));
    assert_eq!(status.join, before.join);
}

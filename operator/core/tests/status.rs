//! What status says when: the whole list of things that Ready depends on, stopped one by one, and each refusal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod common;

use std::collections::BTreeMap;

use common::{START, World, container, message, pod, told};
use serde_json::json;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::LocalReference;
use wickr_operator_core::network::{GivenSecret, Neighbour, Outcome, condition, events, report};
use wickr_operator_core::{Check, Disk, EventReason, Explained, FailureClass, Lookup, Poll, Role};

fn ready(world: &mut World) -> String {
    told(&world.report(None), condition::READY)
}

#[test]
fn a_network_that_has_come_up_is_ready_and_tells_where_to_join() {
    let mut world = World::up();
    let status = world.report(None);
    insta::assert_yaml_snapshot!("up", status, {".root" => "[root]", ".join" => "[join]"});
    assert!(status.join.unwrap().starts_with("wickr://chat.hq.example:30443/?root=sha256:"));
}

#[test]
fn before_anything_ran_nothing_is_ready_and_nothing_is_called_broken() {
    let mut world = World::new();
    world.pass();
    let status = world.network.status.clone().unwrap();
    assert_eq!(told(&status, condition::READY), "False NoVolume");
    assert_eq!(told(&status, condition::RELAY), "Unknown RelayNoPod");
    assert_eq!(told(&status, condition::DEGRADED), "False AsExpected");
}

#[test]
fn each_thing_that_ready_depends_on_makes_it_false_and_is_named() {
    type Stop = fn(&mut World);
    let table: &[(&str, Stop, &str)] = &[
        ("relay unreachable", |w| w.relay = no_answer(), "False RelayUnreachable"),
        ("sso unreachable", |w| w.sso = no_answer(), "False SsoUnreachable"),
        ("canary", |w| w.relay_answer().canary = broken(), "False CanaryFailed"),
        ("canary stale", |w| w.relay_answer().canary.at = Some(UnixMillis(0)), "False CanaryStale"),
        ("certificate", |w| w.sso_answer().certificate = broken(), "False CertificateFailed"),
        ("certificate stale", |w| w.sso_answer().certificate.at = None, "False CertificateStale"),
        ("discovery", |w| w.sso_answer().provider.discovery = Some(broken()), "False ProviderUnreachable"),
        ("discovery never", |w| w.sso_answer().provider.discovery = None, "False ProviderUnreachable"),
        ("provider keys", |w| w.sso_answer().provider.keys = Some(broken()), "False ProviderKeysUnusable"),
        ("no provider", |w| w.sso_answer().provider.active = None, "False NoActiveProvider"),
        (
            "public",
            |w| {
                w.public.insert(Role::Sso, no_answer());
            },
            "False PublicUnreachable",
        ),
        ("document behind", |w| w.relay_answer().document = 0, "False Spreading"),
        (
            "volume full",
            |w| w.relay_answer().disk = Some(Disk { free: 1, total: 1 << 30 }),
            "False VolumeFull",
        ),
        (
            "volume lost",
            |w| w.meddle("PersistentVolumeClaim", "hq-sso-data", |c| c["status"]["phase"] = json!("Lost")),
            "False VolumeLost",
        ),
        ("key gone", |w| w.lose("Secret", "hq-device-issuer"), "False KeyLost"),
        ("no provider named", |w| w.network.spec.sign_in = None, "False NotConfigured"),
        ("provider gone", |w| w.refs.provider = Some(Lookup::Missing), "False ProviderMissing"),
        ("nobody polls", |w| w.now = w.now.plus(std::time::Duration::from_secs(61)), "False RelayNotAsked"),
    ];
    for (name, stop, expected) in table {
        let mut world = World::up();
        assert_eq!(ready(&mut world), "True Ready", "{name}");
        stop(&mut world);
        assert_eq!(ready(&mut world), *expected, "{name}");
        world.run();
    }
}

fn broken() -> Check {
    Check { ok: false, at: Some(START), error: Some("it broke".to_owned()) }
}

fn no_answer<T>() -> Poll<T> {
    Poll::Failed { at: START, error: "connection refused".to_owned() }
}

#[test]
fn every_condition_that_is_not_as_it_should_be_says_what_to_do_next() {
    let mut world = World::up();
    world.relay = no_answer();
    world.sso_answer().provider.discovery = Some(broken());
    world.public.insert(Role::Relay, no_answer());
    let status = world.report(None);
    for condition in status.conditions.iter().filter(|condition| condition.status == "False") {
        let asks = !["Progressing", "Degraded"].contains(&condition.type_.as_str());
        assert!(!asks || condition.message.contains("Next: "), "{}: {}", condition.type_, condition.message);
    }
}

#[test]
fn what_keeps_a_pod_from_running_is_told_in_its_own_words() {
    let crashed = |said: &str, reason: &str| {
        let last = json!({"terminated": {"exitCode": 1, "reason": reason, "message": said}});
        container(Role::Relay, &json!({"waiting": {"reason": "CrashLoopBackOff"}}), &last, false)
    };
    let waiting = |reason: &str, said: &str| {
        container(Role::Relay, &json!({"waiting": {"reason": reason, "message": said}}), &json!({}), false)
    };
    let table = [
        ("False RelayCrashLoop", "store is locked", crashed("starting\nstore is locked\n", "Error")),
        (
            "False VolumeFull",
            "No space left",
            crashed("write: No space left on device (os error 28)", "Error"),
        ),
        ("False RelayCrashLoop", "more memory", crashed("", "OOMKilled")),
        ("False RelayImagePull", "not found", waiting("ImagePullBackOff", "not found")),
        (
            "False RelayContainerConfig",
            "hq-tls-relay",
            waiting("CreateContainerConfigError", "secret \"hq-tls-relay\" not found"),
        ),
    ];
    for (expected, words, status) in table {
        let mut world = World::up();
        world.relay = no_answer();
        let mut broken = pod("hq-relay-0", Role::Relay);
        broken["status"]["containerStatuses"] = json!([status]);
        world.pods = vec![broken];
        let status = world.report(None);
        assert_eq!(told(&status, condition::READY), expected);
        assert!(message(&status, condition::READY).contains(words), "{}", message(&status, condition::READY));
        assert!(told(&status, condition::DEGRADED).starts_with("True "), "{expected}");
    }
}

#[test]
fn a_pod_without_a_node_says_why() {
    let mut world = World::up();
    world.relay = Poll::Never;
    let mut pending = pod("hq-relay-0", Role::Relay);
    pending["status"] = json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: too little memory"},
    ]});
    world.pods = vec![pending];
    let status = world.report(None);
    assert_eq!(told(&status, condition::READY), "False RelayUnschedulable");
    assert!(message(&status, condition::RELAY).contains("too little memory"));
}

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

#[test]
fn a_volume_that_cannot_grow_is_told_and_does_not_make_it_unready() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["storageClassName"] = json!("stiff");
    });
    world.settle();
    world.network.spec.storage.embedded.size = "2Gi".to_owned();
    let status = world.report(None);
    assert_eq!(told(&status, condition::STORAGE), "False StorageCannotGrow");
    assert!(message(&status, condition::STORAGE).contains("\"stiff\" doesn't let volumes grow"));
    assert_eq!(told(&status, condition::READY), "True Ready");
}

#[test]
fn what_is_waited_for_keeps_its_beginning_and_becomes_an_event_after_half_a_minute() {
    let mut world = World::up();
    world.network.spec.paused = true;
    world.env.server_image = "next".to_owned();
    let first = world.report(None);
    world.wait(31);
    let second = world.report(None);
    assert_eq!(second.waiting[0].since, first.waiting[0].since);
    assert_eq!(second.waiting[0].reason, "Paused");
    let findings = wickr_operator_core::Findings(Vec::new());
    let reasons = |status, now| -> Vec<EventReason> {
        events(Some(status), status, &Outcome::Refused(&findings), now)
            .into_iter()
            .map(|event| event.reason)
            .filter(|reason| *reason == EventReason::Holding)
            .collect()
    };
    assert!(reasons(&first, START).is_empty());
    assert_eq!(reasons(&second, world.now), [EventReason::Holding]);
}

#[test]
fn ready_coming_and_going_are_events_and_staying_is_none() {
    let mut world = World::up();
    let findings = wickr_operator_core::Findings(Vec::new());
    let outcome = Outcome::Refused(&findings);
    let up = world.report(None);
    world.relay = no_answer();
    let down = world.report(None);
    let of = |before, after| -> Vec<EventReason> {
        let events = events(before, after, &outcome, START).into_iter().map(|event| event.reason);
        events.filter(|reason| [EventReason::Ready, EventReason::NotReady].contains(reason)).collect()
    };
    assert_eq!(of(None, &up), [EventReason::Ready]);
    assert_eq!(of(Some(&up), &down), [EventReason::NotReady]);
    assert_eq!(of(Some(&down), &up), [EventReason::Ready]);
    assert!(of(Some(&up), &up).is_empty() && of(None, &down).is_empty());
}

#[test]
fn without_addresses_of_the_provider_the_network_says_that_only_the_port_is_closed() {
    let mut world = World::up();
    let mut provider = wickr_operator_testkit::objects::demo_provider();
    provider.spec.cidrs.clear();
    world.refs.provider = Some(Lookup::Found(provider));
    assert_eq!(told(&world.report(None), condition::ISOLATION), "False PortOnly");
    world.network.spec.isolation.network_policy = wickr_operator_api::v1alpha1::NetworkPolicyMode::Disabled;
    assert_eq!(told(&world.report(None), condition::ISOLATION), "False Disabled");
}

#[test]
fn a_provider_that_serves_another_network_is_not_used() {
    let mut world = World::up();
    let mut provider = wickr_operator_testkit::objects::demo_provider();
    provider.spec.network_ref.name = "other".to_owned();
    world.refs.provider = Some(Lookup::Found(provider));
    assert_eq!(ready(&mut world), "False ProviderElsewhere");
}

//! What status says when: the whole list of things that Ready depends on, stopped one by one (refusals: `status_refused`).

use crate::world::{START, World, container, message, pod, ready, told};
use serde_json::json;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::ServiceType;
use wickr_operator_core::network::{Outcome, condition, events};
use wickr_operator_core::{Check, Disk, EventReason, Lookup, Poll, Role};

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
fn a_load_balancer_without_an_address_is_missing_and_one_with_addresses_tells_them_for_dns() {
    let mut world = World::up();
    let service = &mut world.network.spec.exposure.service;
    (service.kind, service.relay_port, service.sso_port) = (ServiceType::LoadBalancer, 443, 8444);
    world.pass();
    world.settle();
    let status = world.report(None);
    assert_eq!(told(&status, condition::PUBLIC), "False NoAddress");
    let text = message(&status, condition::PUBLIC);
    assert!(
        text.contains("Service hq/hq-public") && text.contains("kubectl describe service -n hq hq-public"),
        "{text}"
    );
    assert_eq!(status.endpoints.unwrap().addresses, [""; 0]);

    let given = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "lb.example"}]}});
    world.meddle("Service", "hq-public", |service| service["status"] = given.clone());
    let status = world.report(None);
    assert_eq!(told(&status, condition::PUBLIC), "True Answering");
    let text = message(&status, condition::PUBLIC);
    assert!(text.contains("203.0.113.7, lb.example, where DNS must lead \"chat.hq.example\""), "{text}");
    assert_eq!(status.endpoints.unwrap().addresses, ["203.0.113.7", "lb.example"]);
}

#[test]
fn each_thing_that_ready_depends_on_makes_it_false_and_is_named() {
    type Stop = fn(&mut World);
    let table: &[(&str, Stop, &str)] = &[
        ("relay unreachable", |w| w.relay = no_answer(), "False RelayUnreachable"),
        ("sso unreachable", |w| w.sso = no_answer(), "False SsoUnreachable"),
        ("canary", |w| w.relay_answer().canary = broken(), "False CanaryFailed"),
        ("canary stale", |w| w.relay_answer().canary.at = Some(UnixMillis(0)), "False CanaryStale"),
        ("changes", |w| w.relay_answer().changes = Some(broken()), "False ChangesUnknown"),
        ("sso's store", |w| w.sso_answer().store = Some(broken()), "False StoreFailed"),
        ("client", |w| w.sso_answer().provider.client = Some(broken()), "False ClientRefused"),
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
        (
            "document behind",
            |w| {
                w.wait(61);
                w.relay_answer().document = 0;
            },
            "False Behind",
        ),
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
        ("nobody polls", |w| w.now = w.now.plus(std::time::Duration::from_secs(61)), "False SsoNotAsked"),
    ];
    for (name, stop, expected) in table {
        let mut world = World::up();
        assert_eq!(ready(&mut world), "True Ready", "{name}");
        stop(&mut world);
        assert_eq!(ready(&mut world), *expected, "{name}");
        world.run();
    }
}

#[test]
fn a_document_that_was_signed_just_now_is_told_and_keeps_nobody_from_sending() {
    let mut world = World::up();
    world.relay_answer().document = 0;
    let status = world.report(None);
    assert_eq!(told(&status, condition::DOCUMENT), "False Spreading");
    assert_eq!(told(&status, condition::READY), "True Ready");
}

fn broken() -> Check {
    Check { at: Some(START), error: Some("it broke".to_owned()), ..Check::default() }
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
fn a_store_without_space_is_known_by_the_code_and_not_by_its_words() {
    let mut world = World::up();
    world.relay_answer().canary =
        Check { error: Some("nothing fits".to_owned()), code: Some("storage-full".to_owned()), ..broken() };
    let status = world.report(None);
    assert_eq!(told(&status, condition::RELAY), "False CanaryFailed");
    let text = message(&status, condition::RELAY);
    assert!(text.contains("nothing fits. Next: raise spec.storage.embedded.size"), "{text}");
}

#[test]
fn a_relay_that_hears_nothing_of_revocations_says_so_and_where_to_look() {
    let mut world = World::up();
    world.relay_answer().changes = Some(broken());
    let status = world.report(None);
    let text = message(&status, condition::RELAY);
    assert!(text.contains("lets nobody new in: it broke. Next: see condition SsoReady"), "{text}");
    world.relay_answer().changes = None;
    assert_eq!(
        told(&world.report(None), condition::RELAY),
        "True CanaryRead",
        "an older relay tells nothing"
    );
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

#[test]
fn clients_are_told_the_address_that_the_signed_document_names_and_no_other() {
    let mut world = World::up();
    world.network.spec.exposure.service.relay_port = 80;
    let status = world.report(None);
    assert!(status.join.unwrap().starts_with("wickr://chat.hq.example:30443/"));
    assert!(status.endpoints.unwrap().relay.contains(":30443"));
    let mut world = World::new();
    world.pass();
    assert_eq!(world.report(None).join, None, "before there is a document");
}

#[test]
fn a_full_store_of_sso_says_what_to_enlarge_and_forgets_nobody() {
    let mut world = World::up();
    let full = Some("writing a canary: the volume of the store is full".to_owned());
    world.sso_answer().store = Some(Check { error: full, ..broken() });
    world.sso_answer().users = None;
    let status = world.report(None);
    let text = message(&status, condition::SSO);
    assert!(text.contains("the store is full. Next: raise spec.storage.embedded.size"), "{text}");
    assert_eq!(status.users, Some(2), "what was known stays");
    // A client that was never tried is no fault.
    let mut world = World::up();
    world.sso_answer().provider.client = Some(Check::default());
    world.sso_answer().store = Some(Check::default());
    assert_eq!(ready(&mut world), "True Ready");
}

#[test]
fn a_sign_of_life_from_the_future_is_none_and_the_clock_is_named() {
    type Place = (fn(&mut World, Check), &'static str);
    let ahead =
        |seconds: i64| Check { ok: true, at: Some(UnixMillis(START.0 + seconds * 1000)), ..Check::default() };
    let places: [Place; 3] = [
        (|world, check| world.relay_answer().canary = check, condition::RELAY),
        (|world, check| world.sso_answer().certificate = check, condition::SSO),
        (|world, check| world.sso_answer().provider.keys = Some(check), condition::SIGN_IN),
    ];
    for (put, type_) in places {
        let mut world = World::up();
        put(&mut world, ahead(60));
        assert!(told(&world.report(None), type_).starts_with("True "), "{type_}: clocks may be off a little");
        put(&mut world, ahead(61));
        let status = world.report(None);
        assert_eq!(told(&status, type_), "False ClockSkew");
        assert!(
            message(&status, type_).contains("Next: set the clocks of all nodes"),
            "{}",
            message(&status, type_)
        );
    }
}

#[test]
fn a_volume_is_told_of_before_the_relay_refuses_and_by_the_relays_own_word_when_it_does() {
    let mut world = World::up();
    world.relay_answer().disk = Some(Disk { free: 200 << 20, total: 1 << 30 });
    let status = world.report(None);
    assert_eq!(told(&status, condition::STORAGE), "False VolumeNearlyFull");
    assert_eq!(told(&status, condition::DEGRADED), "True VolumeNearlyFull");
    assert_eq!(told(&status, condition::READY), "True Ready");
    let text = message(&status, condition::STORAGE);
    assert!(
        text.contains("is nearly full") && text.contains("Next: raise spec.storage.embedded.size"),
        "{text}"
    );
    // Where the figures don't tell: a quota, for one.
    world.relay_answer().disk = Some(Disk { free: 900 << 20, total: 1 << 30 });
    world.relay_answer().canary = Check { code: Some("storage-full".to_owned()), ..broken() };
    assert_eq!(told(&world.report(None), condition::STORAGE), "False VolumeFull");
}

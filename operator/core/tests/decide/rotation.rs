//! Keys that are replaced while the network runs: how it is asked for, what is seen of it, and what stops it
//! (every order of steps, and an operator that is gone after any of them: `rotation_steps`).

use std::time::Duration;

use crate::world::{START, World, holds, written};
use serde_json::json;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::KeyPhase::{Announcing, Replacing, Retiring, Steady};
use wickr_operator_api::v1alpha1::{KeyPhase, RotateAfter};
use wickr_operator_core::network::{IssueReason, KeySlot, plan_text};
use wickr_operator_core::{HoldReason, Role, time};

const MINUTE: u64 = 60;

/// A network that is up, with a minute's overlap, an hour later.
pub(crate) fn up() -> World {
    let mut world = World::up();
    "1m".clone_into(&mut world.network.spec.keys.overlap);
    world.wait(3600);
    world.settle();
    world
}

/// Asks for what was made before now.
pub(crate) fn ask(world: &mut World, which: impl Fn(&mut RotateAfter, UnixMillis)) {
    which(&mut world.network.spec.keys.rotate_after, world.now);
}

pub(crate) fn workload_issuer(after: &mut RotateAfter, day: UnixMillis) {
    after.workload_issuer = Some(time(day));
}

pub(crate) fn document_issuer(after: &mut RotateAfter, day: UnixMillis) {
    after.document_issuer = Some(time(day));
}

pub(crate) fn device_issuer(after: &mut RotateAfter, day: UnixMillis) {
    after.device_issuer = Some(time(day));
}

fn phase(world: &mut World, key: &str) -> (KeyPhase, String) {
    let status = world.report(None);
    let entry = status.keys.iter().find(|entry| entry.key == key).expect("it is told of");
    (entry.phase, entry.waits_for.clone().unwrap_or_default())
}

#[test]
fn a_workload_issuer_is_announced_then_signs_and_its_predecessor_retires() {
    let mut world = up();
    let before = world.seen();
    assert_eq!(phase(&mut world, "workloadIssuer"), (Steady, String::new()));
    ask(&mut world, workload_issuer);
    assert_eq!(world.pass().issue[0].key.slot, KeySlot::Next(wickr_pki::Purpose::Workload));
    world.settle();
    let (told, waits) = phase(&mut world, "workloadIssuer");
    assert_eq!(told, Announcing);
    assert!(waits.contains("hq-relay-0 has not loaded it as one to trust"), "{waits}");
    assert_eq!(world.seen().document.unwrap().document.anchors.workload.len(), 2);
    // Everybody has it, but the overlap is not over.
    world.run();
    let (told, waits) = phase(&mut world, "workloadIssuer");
    assert_eq!(told, Announcing);
    assert!(waits.starts_with("the overlap lasts until"), "{waits}");
    let issuer = |world: &World| world.seen().certificate(KeySlot::WorkloadIssuer).unwrap().fingerprint;
    assert_eq!(Some(issuer(&world)), before.certificate(KeySlot::WorkloadIssuer).map(|it| it.fingerprint));
    world.wait(MINUTE);
    world.settle();
    assert_ne!(Some(issuer(&world)), before.certificate(KeySlot::WorkloadIssuer).map(|it| it.fingerprint));
    let (told, waits) = phase(&mut world, "workloadIssuer");
    assert_eq!(told, Replacing);
    assert!(waits.contains("hq-sso-0 has not loaded its new certificate"), "{waits}");
    let relay = world.seen().certificate(KeySlot::Tls(Role::Relay)).unwrap().clone();
    assert_eq!((relay.issuer, relay.trusts.len()), (Some(issuer(&world)), 2));
    world.run();
    assert_eq!(phase(&mut world, "workloadIssuer").0, Retiring);
    world.wait(MINUTE);
    world.settle();
    assert_eq!(phase(&mut world, "workloadIssuer"), (Steady, String::new()));
    assert_eq!(world.seen().document.unwrap().document.anchors.workload.len(), 1);
    world.run();
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn a_day_to_come_changes_nothing_until_then_and_a_day_that_stays_asks_once() {
    let mut world = up();
    let day = world.now.plus(Duration::from_mins(10));
    world.network.spec.keys.rotate_after.document_key = Some(time(day));
    world.network.spec.keys.rotate_after.certificates = Some(time(day));
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
    world.wait(600);
    let slots: Vec<KeySlot> = world.plan().issue.iter().map(|key| key.key.slot).collect();
    let leafs = [
        KeySlot::DocumentKey,
        KeySlot::OperatorClient,
        KeySlot::Tls(Role::Sso),
        KeySlot::Tls(Role::Relay),
        KeySlot::PublicTls,
    ];
    assert_eq!(slots, leafs);
    assert!(world.plan().issue.iter().all(|key| key.because == IssueReason::Asked(day)));
    world.settle();
    world.wait(3600);
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn a_new_document_key_signs_the_document_at_once() {
    let mut world = up();
    let number = world.seen().document.unwrap().document.number;
    ask(&mut world, |after, day| after.document_key = Some(time(day)));
    world.pass();
    assert_eq!(phase(&mut world, "documentKey").0, Replacing);
    let plan = world.pass();
    assert!(plan_text(&plan).contains("(the document key was replaced)"), "{}", plan_text(&plan));
    assert_eq!(plan.sign.unwrap().payload.number, number + 1);
    assert_eq!(phase(&mut world, "documentKey"), (Steady, String::new()), "it was sent with it");
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn a_document_issuer_takes_the_document_key_along() {
    let mut world = up();
    ask(&mut world, document_issuer);
    world.settle();
    world.wait(MINUTE);
    world.settle();
    let seen = world.seen();
    let issuer = seen.certificate(KeySlot::DocumentIssuer).unwrap().fingerprint;
    assert_eq!(seen.certificate(KeySlot::DocumentKey).unwrap().issuer, Some(issuer));
    assert_eq!(phase(&mut world, "documentIssuer").0, Retiring);
    world.wait(MINUTE);
    world.settle();
    assert_eq!(phase(&mut world, "documentIssuer").0, Steady);
    let kept = world.seen().document.unwrap();
    assert_eq!(kept.document.anchors.document.len(), 1);
    assert_eq!(kept.signer, world.seen().certificate(KeySlot::DocumentKey).unwrap().der);
}

#[test]
fn a_device_issuer_is_trusted_for_months_after_its_successor_signs_and_the_hub_stays() {
    let mut world = up();
    let before = world.seen();
    let hub = world.seen().document.unwrap().document.hub_certificate;
    ask(&mut world, device_issuer);
    world.settle();
    world.run();
    let (told, waits) = phase(&mut world, "deviceIssuer");
    assert_eq!(told, Announcing);
    assert!(waits.starts_with("the overlap lasts until"), "{waits}");
    assert_eq!(world.seen().document.unwrap().document.anchors.device.len(), 2);
    let signs = world.sso_answer().device_issuer.clone();
    world.wait(MINUTE);
    world.sso_answer().device_issuer = signs;
    world.settle();
    let (told, waits) = phase(&mut world, "deviceIssuer");
    assert_eq!(told, Replacing);
    assert_eq!(waits.split(", ").next(), Some("hq-sso-0 does not sign for devices with it yet"), "{waits}");
    world.run();
    assert_eq!(phase(&mut world, "deviceIssuer").0, Retiring);
    // For months, in which nothing is the matter.
    world.wait(209 * 24 * 3600);
    world.settle();
    assert_eq!(phase(&mut world, "deviceIssuer").0, Retiring);
    assert!(world.plan().holds.is_empty(), "{:?}", world.plan().holds);
    assert_eq!(world.seen().document.unwrap().document.hub_issuer, None);
    world.wait(2 * 24 * 3600);
    world.settle();
    assert_eq!(phase(&mut world, "deviceIssuer"), (Steady, String::new()));
    let document = world.seen().document.unwrap().document;
    let issuer = before.certificate(KeySlot::DeviceIssuer).unwrap().der.clone();
    assert_eq!((document.anchors.device.len(), document.anchors.device.contains(&issuer)), (1, false));
    assert_eq!((document.hub_certificate, document.hub_issuer), (hub, Some(issuer)));
    world.run();
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn a_hub_of_another_backup_is_told_of_whoever_it_says_has_signed_it() {
    let mut world = up();
    let other = wickr_operator_testkit::keys::Issuers::new("hq.example", START.plus(Duration::from_secs(1)));
    let theirs = wickr_operator_testkit::keys::data(&other.hub(), &other.device);
    let ours = wickr_operator_testkit::keys::data(&other.hub(), &world.issuers.device);
    for strange in [theirs, ours] {
        world.meddle("Secret", "hq-external-sender", |hub| {
            for (name, bytes) in &strange {
                hub["data"][name] = json!(k8s_openapi::ByteString(bytes.clone()));
            }
        });
        assert_eq!(holds(&world.plan()), [HoldReason::KeyMismatch], "{}", plan_text(&world.plan()));
    }
}

#[test]
fn issuers_are_replaced_by_themselves_when_a_third_of_their_life_is_left() {
    let mut world = World::up();
    // As its passes would have done: nothing ends in between.
    world.wait((5 * 365 * 2 / 3 - 2) * 24 * 3600);
    world.settle();
    world.wait(24 * 3600);
    assert!(world.plan().issue.is_empty(), "{}", plan_text(&world.plan()));
    world.wait(2 * 24 * 3600);
    let slots: Vec<KeySlot> = world.plan().issue.iter().map(|key| key.key.slot).collect();
    assert!(KeySlot::NEXT.iter().all(|next| slots.contains(next)), "{slots:?}");
}

#[test]
fn a_successor_that_can_t_be_believed_is_told_of_and_signs_nothing() {
    let mut world = up();
    ask(&mut world, workload_issuer);
    world.pass();
    // Another network's, or one from another backup: the document must not name it.
    let other = World::up().live.value(crate::world::row("Secret"), "hq-device-issuer").unwrap().clone();
    world.meddle("Secret", "hq-workload-issuer-next", |next| next["data"] = other["data"].clone());
    world.wait(MINUTE);
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::KeyUnreadable], "{}", plan_text(&plan));
    assert!(plan.rotate.is_empty() && plan.issue.is_empty());
    assert!(plan.holds[0].next.contains("delete the Secret"));
    world.settle();
    assert_eq!(world.seen().document.unwrap().document.anchors.workload.len(), 1);
    world.lose("Secret", "hq-workload-issuer-next");
    assert_eq!(world.plan().issue.len(), 1, "another one is made");
}

#[test]
fn a_successor_without_its_key_never_takes_the_place_of_one_that_can_sign() {
    let mut world = up();
    ask(&mut world, workload_issuer);
    world.settle();
    let other = world.live.value(crate::world::row("Secret"), "hq-device-issuer").unwrap().clone();
    world.meddle("Secret", "hq-workload-issuer-next", |next| {
        next["data"]["tls.key"] = other["data"]["tls.key"].clone();
    });
    world.wait(MINUTE);
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::KeyUnreadable], "{}", plan_text(&plan));
    assert!(plan.rotate.is_empty());
}

#[test]
fn a_service_that_is_silent_keeps_the_issuer_where_it_is() {
    let mut world = up();
    ask(&mut world, workload_issuer);
    world.settle();
    world.wait(MINUTE);
    world.relay = wickr_operator_core::Poll::Failed { at: world.now, error: "no route".to_owned() };
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::KeyRotating]);
    assert!(plan.holds[0].message.contains("hq-relay-0 does not answer"), "{}", plan.holds[0]);
    assert!(plan.rotate.is_empty() && written(&plan, "Secret").is_empty());
}

#[test]
fn a_paused_network_replaces_nothing() {
    let mut world = up();
    ask(&mut world, workload_issuer);
    world.network.spec.paused = true;
    let plan = world.plan();
    assert!(plan.issue.is_empty() && plan.rotate.is_empty());
    assert!(plan.holds[0].message.contains("1 change waits"), "{}", plan.holds[0]);
}

#[test]
fn an_overlap_too_short_for_clients_is_refused() {
    for overlap in ["14s", "721h", "a day"] {
        let mut world = World::new();
        overlap.clone_into(&mut world.network.spec.keys.overlap);
        let refs = world.refs.clone();
        let refused = wickr_operator_core::network::validate(&world.network, &refs, START).unwrap_err();
        assert_eq!(refused.first().unwrap().path, "spec.keys.overlap", "{}", json!(refused.to_string()));
    }
    for overlap in ["14s", "8761h", "a year"] {
        let mut world = World::new();
        overlap.clone_into(&mut world.network.spec.keys.device_overlap);
        let refs = world.refs.clone();
        let refused = wickr_operator_core::network::validate(&world.network, &refs, START).unwrap_err();
        assert_eq!(
            refused.first().unwrap().path,
            "spec.keys.deviceOverlap",
            "{}",
            json!(refused.to_string())
        );
    }
}

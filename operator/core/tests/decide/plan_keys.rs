//! What is planned about keys and the signed document: made, renewed, lost, restored, and never over data of another.

use std::time::Duration;

use crate::world::{START, World, holds, names, written};
use serde_json::json;
use wickr_operator_api::v1alpha1::ManagedTls;
use wickr_operator_core::network::{GivenSecret, IssueReason, KeySlot, NetworkSeen, SignReason, plan_text};
use wickr_operator_core::{HoldReason, Poll, Role};
use wickr_operator_testkit::keys::data;

#[test]
fn a_document_is_signed_again_only_when_it_would_say_something_else() {
    let mut world = World::up();
    world.network.spec.exposure.hostname = "talk.hq.example".to_owned();
    let plan = world.plan();
    let sign = plan.sign.as_ref().expect("the address has changed");
    assert_eq!(sign.payload.number, 2);
    assert_eq!(sign.payload.urls.relay.as_str(), "wss://talk.hq.example:30443");
    let renewed: Vec<KeySlot> = plan.issue.iter().map(|key| key.key.slot).collect();
    assert_eq!(renewed, [KeySlot::PublicTls], "the certificate is for the old name");
    assert_eq!(plan.push.len(), 2);
}

#[test]
fn the_next_number_is_above_the_highest_that_anybody_has_seen() {
    let mut world = World::up();
    world.relay_answer().document = 41;
    world.network.spec.exposure.hostname = "talk.hq.example".to_owned();
    assert_eq!(world.plan().sign.unwrap().payload.number, 42);
    world.lose("ConfigMap", "hq-document");
    assert_eq!(world.plan().sign.unwrap().payload.number, 42);
}

#[test]
fn after_a_restore_the_operator_remembers_the_number_that_nothing_else_tells() {
    let world = World::up();
    let seen = NetworkSeen { remembered_document: 6, ..world.seen() };
    let sign = world.plan_of(&seen).sign.unwrap();
    assert_eq!((sign.because, sign.payload.number), (SignReason::Overtaken(6), 7));
    let seen = NetworkSeen { remembered_document: 1, ..world.seen() };
    assert_eq!(world.plan_of(&seen).sign, None, "the one that is there");
}

#[test]
fn a_lost_number_is_asked_back_from_the_services() {
    let mut world = World::up();
    world.lose("ConfigMap", "hq-document");
    world.network.status = None;
    (world.relay, world.sso) = (Poll::Never, Poll::Never);
    assert_eq!(world.pass().sign.unwrap().payload.number, 1, "nobody was asked, nothing is known");
    // The relay has kept number 7 on its volume, and nobody goes back to an older one.
    world.run();
    world.relay_answer().document = 7;
    let plan = world.pass();
    assert!(
        plan_text(&plan).contains("sign network document 8 (number 7 was in force already)"),
        "{}",
        plan_text(&plan)
    );
    assert_eq!(plan.push.len(), 2);
    world.run();
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn when_nobody_is_left_who_knows_the_number_it_goes_on_above_what_could_have_been_signed() {
    const LIFE: Duration = Duration::from_hours(24 * 90);
    let mut world = World::up();
    world.lose("ConfigMap", "hq-document");
    world.network.status = None;
    (world.relay, world.sso) = (Poll::Never, Poll::Never);
    world.now = world.now.plus(LIFE);
    let number = world.plan().sign.unwrap().payload.number;
    assert!(number > LIFE.as_secs(), "{number}: one document a second since the root began");
}

#[test]
fn a_document_restored_from_a_backup_is_signed_anew_because_clients_may_have_seen_a_newer_one() {
    const LIFE: Duration = Duration::from_hours(24 * 5);
    let mut world = World::up();
    world.network.status = None;
    (world.relay, world.sso) = (Poll::Never, Poll::Never);
    world.now = world.now.plus(LIFE);
    assert!(world.plan().sign.is_none());
    world.meddle("ConfigMap", "hq-document", |map| {
        map["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    });
    let plan = world.pass();
    assert!(plan.sign.as_ref().unwrap().payload.number > LIFE.as_secs());
    assert!(plan_text(&plan).contains("(the kept one was restored"), "{}", plan_text(&plan));
    assert!(world.plan().sign.is_none(), "once");
}

#[test]
fn a_document_that_does_not_hold_under_the_root_is_signed_anew() {
    let mut world = World::up();
    world.meddle("ConfigMap", "hq-document", |map| {
        let forged = map["data"]["document.json"].as_str().unwrap().replace("eyJ", "eyK");
        map["data"]["document.json"] = json!(forged);
    });
    assert!(world.plan().sign.is_some());
}

#[test]
fn nothing_is_signed_by_keys_that_do_not_hold_yet_or_any_more() {
    let mut world = World::up();
    world.meddle("ConfigMap", "hq-document", |map| map["data"] = json!({}));
    assert!(world.plan().sign.is_some());
    for (now, reason) in [
        (START.minus(Duration::from_hours(1)), HoldReason::KeyNotYetValid),
        (START.plus(Duration::from_hours(24 * 365 * 6)), HoldReason::KeyExpired),
    ] {
        world.now = now;
        let plan = world.plan();
        assert!(
            plan.sign.is_none(),
            "nobody takes it, and each pass would sign another: {}",
            plan_text(&plan)
        );
        assert!(holds(&plan).contains(&reason), "{}", plan_text(&plan));
    }
}

#[test]
fn a_service_that_is_behind_gets_the_document() {
    let mut world = World::up();
    world.sso_answer().document = 0;
    let plan = world.plan();
    assert_eq!(plan.push.len(), 1);
    assert_eq!((plan.push[0].role, plan.push[0].number), (Role::Sso, 1));
    assert_eq!(holds(&plan), [HoldReason::DocumentSpreading]);
    assert!(plan.recheck.is_some());
}

#[test]
fn a_managed_certificate_goes_when_another_is_given() {
    let mut world = World::up();
    let given = world.issuers.public_tls("chat.hq.example", START, Duration::from_hours(24));
    let secret = data(&given, &world.issuers.workload);
    world.network.spec.exposure.tls = wickr_operator_api::v1alpha1::PublicTls {
        managed: None,
        secret_ref: Some(wickr_operator_api::v1alpha1::LocalReference { name: "chat-tls".to_owned() }),
    };
    world.refs.public_tls =
        Some(wickr_operator_core::Lookup::Found(GivenSecret { data: secret, network: None }));
    let plan = world.plan();
    let pruned: Vec<String> = plan.prune.iter().map(ToString::to_string).collect();
    assert_eq!(pruned, ["Secret hq/hq-public-tls"]);
    assert_eq!(plan.sign.unwrap().payload.anchors.public_tls.len(), 1);
    world.network.spec.exposure.tls.managed = Some(ManagedTls {});
}

#[test]
fn leaf_certificates_made_by_a_clock_that_was_ahead_are_made_again_when_it_is_right() {
    let mut world = World::up();
    let right = world.now;
    world.now = world.now.plus(Duration::from_hours(25 * 24));
    let renewed = world.pass().issue.len();
    assert!(renewed > 0, "a clock that is ahead renews");
    world.now = right;
    let again = world.plan();
    assert_eq!(again.issue.iter().filter(|key| !key.key.slot.is_durable()).count(), renewed);
    assert!(plan_text(&again).contains("it was made by a clock that was ahead"), "{}", plan_text(&again));
    world.pass();
    assert!(world.plan().issue.is_empty(), "once");
}

#[test]
fn leaf_certificates_are_renewed_when_a_third_of_their_life_is_left() {
    let mut world = World::up();
    world.wait(19 * 24 * 3600);
    assert!(world.plan().issue.is_empty());
    world.wait(2 * 24 * 3600);
    let plan = world.plan();
    let slots: Vec<KeySlot> = plan.issue.iter().map(|key| key.key.slot).collect();
    let leafs =
        [KeySlot::OperatorClient, KeySlot::Tls(Role::Sso), KeySlot::Tls(Role::Relay), KeySlot::PublicTls];
    assert_eq!(slots, leafs);
    assert!(plan.issue.iter().all(|key| key.is_renewal() && matches!(key.because, IssueReason::Ending(_))));
    assert!(world.plan().sign.is_some(), "the document ages with them");
    world.settle();
    assert!(world.plan().issue.is_empty());
}

#[test]
fn a_certificate_that_ends_with_its_issuer_is_not_renewed_again_and_again() {
    let mut world = World::up();
    world.wait((5 * 365 - 20) * 24 * 3600);
    world.settle();
    let seen = world.seen();
    let end = |slot| seen.certificate(slot).unwrap().not_after;
    assert_eq!(end(KeySlot::Tls(Role::Relay)), end(KeySlot::WorkloadIssuer), "nobody outlives its issuer");
    // Its successor is announced only now, and does not sign yet.
    world.wait(20 * 3600);
    assert!(world.plan().issue.is_empty(), "{}", plan_text(&world.plan()));
}

#[test]
fn a_lost_leaf_is_made_again_and_a_lost_durable_key_never() {
    let mut world = World::up();
    world.lose("Secret", "hq-tls-relay");
    let plan = world.plan();
    assert_eq!(plan.issue.len(), 1);
    assert_eq!(plan.issue[0].because, IssueReason::Missing);
    for slot in KeySlot::ALL.into_iter().filter(|slot| slot.is_durable()) {
        let mut world = World::up();
        world.lose("Secret", &names().secret(slot));
        let plan = world.plan();
        assert!(plan.issue.is_empty(), "{slot:?}");
        assert!(holds(&plan).contains(&HoldReason::KeyLost), "{slot:?}");
        assert!(plan.holds[0].next.contains("restore"), "{slot:?}");
    }
}

#[test]
fn without_data_a_lost_durable_key_is_made_again() {
    let mut world = World::new();
    world.pass();
    world.lose("Secret", "hq-device-issuer");
    let slots: Vec<KeySlot> = world.plan().issue.iter().map(|key| key.key.slot).collect();
    assert_eq!(slots, [KeySlot::DeviceIssuer]);
}

#[test]
fn data_under_another_root_is_never_served() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["metadata"]["annotations"]["wickr.dev/root"] = json!(format!("sha256:{}", "00".repeat(32)));
    });
    world.meddle("PersistentVolumeClaim", "hq-sso-data", |claim| {
        claim["metadata"]["annotations"]["wickr.dev/root"] = json!(format!("sha256:{}", "00".repeat(32)));
    });
    world.lose("StatefulSet", "hq-relay");
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::KeyMismatch]);
    assert!(written(&plan, "StatefulSet").is_empty());
}

#[test]
fn keys_and_volumes_left_by_a_deleted_network_are_taken_up() {
    let mut world = World::up();
    let durable: Vec<String> =
        KeySlot::ALL.into_iter().filter(|slot| slot.is_durable()).map(|slot| names().secret(slot)).collect();
    let all: Vec<(String, String)> =
        world.live.iter().map(|(kind, name, _)| (kind.kind.to_owned(), name.to_owned())).collect();
    for (kind, name) in all {
        if kind != "PersistentVolumeClaim" && !(kind == "Secret" && durable.contains(&name)) {
            world.lose(&kind, &name);
        }
    }
    let root = world.seen().root;
    world.network.metadata.uid = Some("a new life".to_owned());
    world.network.status = None;
    let first = world.pass();
    assert!(first.issue.iter().all(|key| !key.key.slot.is_durable()), "{}", plan_text(&first));
    world.settle();
    assert_eq!(world.seen().root, root);
    assert!(world.plan().holds.is_empty(), "{}", plan_text(&world.plan()));
}

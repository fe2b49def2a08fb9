//! What is done when: the plan as a table of situations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod common;

use std::time::Duration;

use common::{START, World, names};
use serde_json::json;
use wickr_operator_api::v1alpha1::{DeletionPolicy, ManagedTls};
use wickr_operator_core::network::{
    FinalizerChange, GivenSecret, IssueReason, KeySlot, Plan, plan_removal, plan_text,
};
use wickr_operator_core::{HoldReason, Put, Role};
use wickr_operator_testkit::keys::data;

fn holds(plan: &Plan) -> Vec<HoldReason> {
    plan.holds.iter().map(|hold| hold.reason).collect()
}

fn written(plan: &Plan, kind: &str) -> Vec<String> {
    let of_kind = plan.put.iter().map(Put::target).filter(|target| target.kind.kind == kind);
    of_kind.map(|target| target.name.clone()).collect()
}

fn set_image(world: &mut World, image: &str) {
    image.clone_into(&mut world.env.server_image);
}

#[test]
fn keys_come_first_and_volumes_and_pods_with_the_document_in_the_next_pass() {
    let mut world = World::new();
    let first = world.pass();
    let slots: Vec<KeySlot> = first.issue.iter().map(|key| key.key.slot).collect();
    assert_eq!(slots, KeySlot::ALL, "signers come before what they sign");
    assert_eq!(holds(&first), [HoldReason::KeysBeingMade]);
    assert!(written(&first, "StatefulSet").is_empty() && written(&first, "PersistentVolumeClaim").is_empty());
    assert_eq!(written(&first, "Service").len(), 5);
    let second = world.pass();
    assert_eq!(second.sign.as_ref().map(|sign| sign.payload.number), Some(1));
    assert_eq!(written(&second, "StatefulSet"), ["hq-sso", "hq-relay"], "first creations don't wait");
    assert_eq!(written(&second, "PersistentVolumeClaim"), ["hq-sso-data", "hq-relay-data"]);
    assert!(second.holds.is_empty());
}

#[test]
fn a_second_pass_over_its_own_work_wants_nothing() {
    let mut world = World::up();
    let plan = world.plan();
    assert_eq!(plan_text(&plan), "nothing to do\n");
    let before = world.network.status.clone();
    world.pass();
    assert_eq!(world.network.status, before, "and says nothing new");
}

#[test]
fn what_the_api_server_filled_into_a_new_claim_is_no_change_of_ours() {
    let mut world = World::up();
    for name in ["hq-relay-data", "hq-sso-data"] {
        world.meddle("PersistentVolumeClaim", name, |claim| {
            claim["spec"]["storageClassName"] = json!("standard");
            claim["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:storageClassName"] = json!({});
        });
    }
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

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
fn a_document_that_does_not_hold_under_the_root_is_signed_anew() {
    let mut world = World::up();
    world.meddle("ConfigMap", "hq-document", |map| {
        let forged = map["data"]["document.json"].as_str().unwrap().replace("eyJ", "eyK");
        map["data"]["document.json"] = json!(forged);
    });
    assert!(world.plan().sign.is_some());
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
fn running_pods_are_changed_one_role_at_a_time() {
    let mut world = World::up();
    set_image(&mut world, "wickr.local/wickr-server:next");
    let first = world.pass();
    assert_eq!(written(&first, "StatefulSet"), ["hq-sso"]);
    assert_eq!(holds(&first), [HoldReason::RollingRole]);
    let second = world.pass();
    assert!(written(&second, "StatefulSet").is_empty(), "sso is not back yet");
    world.roll_out();
    let third = world.pass();
    assert_eq!(written(&third, "StatefulSet"), ["hq-relay"]);
    assert!(third.holds.is_empty());
}

#[test]
fn a_role_that_is_down_takes_its_change_at_once_and_the_other_waits() {
    let mut world = World::up();
    world.meddle("StatefulSet", "hq-relay", |set| set["status"]["readyReplicas"] = json!(0));
    set_image(&mut world, "wickr.local/wickr-server:fixed");
    let plan = world.plan();
    assert_eq!(written(&plan, "StatefulSet"), ["hq-relay"]);
    assert_eq!(holds(&plan), [HoldReason::RollingRole]);
}

#[test]
fn when_both_are_down_nobody_waits() {
    let mut world = World::up();
    for name in ["hq-relay", "hq-sso"] {
        world.meddle("StatefulSet", name, |set| set["status"]["readyReplicas"] = json!(0));
    }
    set_image(&mut world, "wickr.local/wickr-server:fixed");
    assert_eq!(written(&world.plan(), "StatefulSet"), ["hq-sso", "hq-relay"]);
}

#[test]
fn what_somebody_else_changed_is_put_right() {
    let mut world = World::up();
    world.meddle("Service", "hq-relay-public", |service| service["spec"]["type"] = json!("ClusterIP"));
    let plan = world.plan();
    assert_eq!(plan_text(&plan), "apply Service hq/hq-relay-public (.spec.type differs)\n");
}

#[test]
fn only_what_carries_our_owner_is_pruned() {
    let mut world = World::up();
    world.network.spec.isolation.network_policy = wickr_operator_api::v1alpha1::NetworkPolicyMode::Disabled;
    world.meddle("NetworkPolicy", "hq-relay", |policy| {
        policy["metadata"]["ownerReferences"][0]["uid"] = json!("another");
    });
    let pruned: Vec<String> = world.plan().prune.iter().map(ToString::to_string).collect();
    assert_eq!(pruned, ["NetworkPolicy hq/hq-default-deny", "NetworkPolicy hq/hq-sso"]);
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

#[test]
fn what_another_domain_left_behind_is_not_taken_up() {
    let mut world = World::up();
    world.lose("StatefulSet", "hq-relay");
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["metadata"]["labels"]["wickr.dev/domain"] = json!("other.example");
    });
    let plan = world.plan();
    assert!(holds(&plan).contains(&HoldReason::NameTaken));
    assert!(written(&plan, "PersistentVolumeClaim").is_empty());
    assert!(plan.holds[0].message.contains("other.example"));
}

#[test]
fn a_volume_grows_where_its_class_lets_it() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["storageClassName"] = json!("standard");
    });
    world.network.spec.storage.embedded.size = "2Gi".to_owned();
    let plan = world.plan();
    assert_eq!(written(&plan, "PersistentVolumeClaim"), ["hq-relay-data"]);
    assert_eq!(plan.put[0].body()["spec"]["resources"]["requests"]["storage"], "2Gi");
    assert_eq!(plan.put[0].body()["spec"]["storageClassName"], "standard", "a class can't be taken away");
}

#[test]
fn a_volume_whose_class_cannot_grow_stays_and_the_plan_says_so() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["storageClassName"] = json!("stiff");
    });
    world.settle();
    world.network.spec.storage.embedded.size = "2Gi".to_owned();
    let plan = world.plan();
    let sizes = plan.put.iter().map(|put| &put.body()["spec"]["resources"]["requests"]["storage"]);
    assert!(sizes.into_iter().all(|size| size == "1Gi"), "{}", plan_text(&plan));
    world.settle();
    let plan = world.plan();
    assert!(plan.put.is_empty(), "{}", plan_text(&plan));
    assert_eq!(holds(&plan), [HoldReason::StorageCannotGrow]);
    assert_eq!(plan.holds[0].path, Some("spec.storage.embedded.size"));
}

#[test]
fn a_larger_volume_that_was_prepared_by_hand_is_kept_as_it_is() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["resources"]["requests"]["storage"] = json!("50Gi");
    });
    let plan = world.plan();
    assert!(plan.holds.is_empty());
    assert!(
        plan.put.iter().all(|put| put.body()["spec"]["resources"]["requests"]["storage"] == "50Gi"),
        "{}",
        plan_text(&plan)
    );
}

#[test]
fn without_the_storage_class_volumes_and_pods_wait() {
    let mut world = World::new();
    world.network.spec.storage.embedded.storage_class_name = Some("gone".to_owned());
    world.pass();
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::StorageClassMissing; 2]);
    assert!(plan.holds[0].message.contains("standard, stiff"));
    assert!(written(&plan, "StatefulSet").is_empty());
}

#[test]
fn a_paused_network_is_left_alone_and_says_how_much_waits() {
    let mut world = World::up();
    set_image(&mut world, "wickr.local/wickr-server:next");
    world.network.spec.paused = true;
    let plan = world.plan();
    assert!(plan.put.is_empty() && plan.issue.is_empty() && plan.prune.is_empty());
    assert_eq!(holds(&plan), [HoldReason::Paused]);
    assert!(plan.holds[0].message.contains("1 change waits"), "{}", plan.holds[0].message);
}

#[test]
fn the_finalizer_is_there_exactly_while_data_shall_go() {
    let mut world = World::up();
    assert_eq!(world.plan().finalizer, None);
    world.network.spec.deletion_policy = DeletionPolicy::Delete;
    assert_eq!(world.plan().finalizer, Some(FinalizerChange::Add));
    world.network.metadata.finalizers = Some(vec!["wickr.dev/remove-data".to_owned()]);
    assert_eq!(world.plan().finalizer, None);
    world.network.spec.deletion_policy = DeletionPolicy::Retain;
    assert_eq!(world.plan().finalizer, Some(FinalizerChange::Remove));
}

#[test]
fn with_retain_a_deletion_leaves_keys_and_volumes_alone() {
    let world = World::up();
    let removal = plan_removal(&world.network, &world.seen());
    assert!(removal.remove.is_empty() && removal.finalizer.is_none());
}

#[test]
fn with_delete_keys_and_volumes_go_and_then_the_finalizer() {
    let mut world = World::up();
    world.network.spec.deletion_policy = DeletionPolicy::Delete;
    world.network.metadata.finalizers = Some(vec!["wickr.dev/remove-data".to_owned()]);
    let removal = plan_removal(&world.network, &world.seen());
    let kinds = |kind: &str| removal.remove.iter().filter(|target| target.kind.kind == kind).count();
    assert_eq!((kinds("StatefulSet"), kinds("Secret"), kinds("PersistentVolumeClaim")), (2, 6, 2));
    assert_eq!(removal.finalizer, None);
    for target in &removal.remove {
        world.lose(target.kind.kind, &target.name);
    }
    let removal = plan_removal(&world.network, &world.seen());
    assert!(removal.remove.is_empty());
    assert_eq!(removal.finalizer, Some(FinalizerChange::Remove));
}

#[test]
fn a_spec_that_is_wrong_does_not_keep_a_network_from_going() {
    let mut world = World::up();
    world.network.spec.deletion_policy = DeletionPolicy::Delete;
    world.network.spec.exposure.service.sso_port = world.network.spec.exposure.service.relay_port;
    world.network.metadata.finalizers = Some(vec!["wickr.dev/remove-data".to_owned()]);
    assert_eq!(plan_removal(&world.network, &world.seen()).remove.len(), 10);
}

#[test]
fn a_plan_reads_like_a_list_of_steps() {
    let mut world = World::new();
    insta::assert_snapshot!("first_pass", plan_text(&world.pass()));
    insta::assert_snapshot!("second_pass", plan_text(&world.pass()));
}

//! What is done when: order, quiet, drift, roll-out, pause, deletion (keys: `plan_keys`; volumes: `plan_volumes`).

use crate::world::{World, holds, written};
use serde_json::json;
use wickr_operator_api::v1alpha1::DeletionPolicy;
use wickr_operator_core::HoldReason;
use wickr_operator_core::network::{FinalizerChange, KeySlot, plan_removal, plan_text};

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

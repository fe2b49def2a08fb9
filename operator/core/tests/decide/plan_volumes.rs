//! What is planned about volumes: taken up as they are, grown where that can be, never shrunk, and held with a reason.

use crate::world::{World, holds, told, written};
use serde_json::json;
use wickr_operator_core::HoldReason;
use wickr_operator_core::network::{condition, plan_text};

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
fn the_default_class_that_admission_gave_a_claim_is_not_taken_over() {
    let mut world = World::up();
    for name in ["hq-relay-data", "hq-sso-data"] {
        // What admission fills in on create is nobody's field.
        world.meddle("PersistentVolumeClaim", name, |claim| {
            claim["spec"]["storageClassName"] = json!("standard");
        });
    }
    assert_eq!(plan_text(&world.plan()), "nothing to do\n");
}

#[test]
fn a_volume_grows_where_its_class_lets_it() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["storageClassName"] = json!("standard");
        claim["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:storageClassName"] = json!({});
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
fn a_volume_whose_class_is_gone_or_that_never_had_one_stays_instead_of_being_refused_again_and_again() {
    for (class, words) in [("gone", "\"gone\" is not there any more"), ("", "it has no storage class")] {
        let mut world = World::up();
        world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
            claim["spec"]["storageClassName"] = json!(class);
            claim["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:storageClassName"] = json!({});
        });
        world.settle();
        world.network.spec.storage.embedded.size = "2Gi".to_owned();
        world.settle();
        let plan = world.plan();
        assert_eq!(holds(&plan), [HoldReason::StorageCannotGrow], "{class}");
        assert!(plan.holds[0].message.contains(words), "{}", plan.holds[0].message);
    }
}

#[test]
fn a_claim_without_a_volume_keeps_its_size_until_it_has_one_and_grows_then() {
    let mut world = World::up();
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
        claim["spec"]["storageClassName"] = json!("standard");
        claim["status"]["phase"] = json!("Pending");
    });
    world.network.spec.storage.embedded.size = "2Gi".to_owned();
    let plan = world.plan();
    assert_eq!(holds(&plan), [HoldReason::StorageResizing]);
    let relay = plan.put.iter().find(|put| put.target().name == "hq-relay-data");
    assert!(relay.is_none_or(|put| put.body()["spec"]["resources"]["requests"]["storage"] == "1Gi"));
    world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| claim["status"]["phase"] = json!("Bound"));
    let plan = world.plan();
    assert!(plan.holds.is_empty());
    assert_eq!(plan.put[0].body()["spec"]["resources"]["requests"]["storage"], "2Gi");
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
fn that_a_volume_is_lost_or_not_there_yet_is_told_before_that_it_should_be_larger() {
    for (phase, reason) in [("Lost", "False VolumeLost"), ("Pending", "False NotBound")] {
        let mut world = World::up();
        world.meddle("PersistentVolumeClaim", "hq-relay-data", |claim| {
            claim["spec"]["storageClassName"] = json!("standard");
            claim["status"]["phase"] = json!(phase);
        });
        world.network.spec.storage.embedded.size = "2Gi".to_owned();
        let status = world.report(None);
        assert_eq!(told(&status, condition::STORAGE), reason);
        assert_eq!(told(&status, condition::READY), reason, "and nobody calls it Ready");
    }
}

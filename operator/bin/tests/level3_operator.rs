//! The operator on a real API server, with exactly the rights of core's table. No kubelet: pods never run, so the
//! network is never Ready here (level 4 shows that); keys, objects, status, drift, rights and deletion are real.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test needs and does not find fails it, and it says what it saw"
)]

mod bench;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use wickr_operator::kinds::resource_of;
use wickr_operator_api::v1alpha1::WickrNetwork;

use bench::{Bench, rules, rules_without, until};

#[tokio::test]
async fn a_network_gets_keys_objects_and_status_and_a_second_operator_finds_nothing_to_write() {
    let bench = Bench::new("created", rules()).await;
    let first = bench.operator().await;
    bench.put(&bench.network()).await;
    bench.settled().await;
    let status = bench.status().await;
    let join = status["join"].as_str().expect("status tells how to join");
    assert!(join.starts_with("wickr://chat.hq.example:"), "{join}");
    assert_eq!(bench.condition("Ready").await.unwrap().0, "False");
    assert_eq!(bench.condition("KeysReady").await.unwrap().0, "True");
    let before = bench.versions().await;
    println!("{} objects by {} writes ({})", before.len() - 1, first.writes(), first.by_verb().join(", "));
    println!("{}", serde_json::to_string_pretty(&status).unwrap());
    drop(first);
    let second = bench.operator().await;
    // Until it has asked relay and sso, at both of their ports: before, it leaves status as it found it.
    until("the services were asked", || async { (second.asked_in_vain() >= 4).then_some(()) }).await;
    for _ in 0..5 {
        bench.nudge(&second).await;
    }
    assert_eq!(bench.versions().await, before, "no resource version moves in {} passes", second.passes());
    assert_eq!(second.writes(), 0);
}

#[tokio::test]
async fn drift_in_our_fields_is_corrected_and_what_others_add_stays() {
    let bench = Bench::new("drifting", rules()).await;
    let _operator = bench.operator().await;
    bench.put(&bench.network()).await;
    bench.settled().await;
    let services = bench.of(&resource_of::<Service>());
    let params = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
    let patch = json!({"metadata": {"labels": {"theirs": "x"}}, "spec": {"publishNotReadyAddresses": false}});
    services.patch("hq-relay", &params, &Patch::Merge(&patch)).await.unwrap();
    let corrected = until("the Service is corrected", || async {
        let service = services.get("hq-relay").await.unwrap();
        (service.data["spec"]["publishNotReadyAddresses"] == true).then_some(service)
    })
    .await;
    assert_eq!(corrected.metadata.labels.unwrap()["theirs"], "x");
    services.delete("hq-relay", &DeleteParams::default()).await.unwrap();
    until("the Service is made again", || async { services.get_opt("hq-relay").await.unwrap() }).await;
}

#[tokio::test]
async fn a_network_moves_behind_a_load_balancer_and_back_to_the_nodes() {
    let bench = Bench::new("balanced", rules()).await;
    let _operator = bench.operator().await;
    bench.put(&bench.network()).await;
    bench.settled().await;
    let mut balanced = bench.network();
    balanced["spec"]["exposure"]["service"] = json!({"type": "LoadBalancer", "relayPort": 443, "ssoPort": 8444, "annotations": {"example.com/a": "b"}});
    bench.put(&balanced).await;
    let services = bench.of(&resource_of::<Service>());
    let public = until("there is one Service for a load balancer", || async {
        let public = services.get_opt("hq-public").await.unwrap()?;
        let at_the_nodes = services.get("hq-relay-public").await.unwrap();
        (at_the_nodes.data["spec"]["type"] == "ClusterIP").then_some(public)
    })
    .await;
    let spec = &public.data["spec"];
    assert_eq!((&spec["type"], &spec["ports"][0]["port"]), (&json!("LoadBalancer"), &json!(8444)));
    assert_eq!(public.metadata.annotations.unwrap()["example.com/a"], "b");

    // What the controller of a load balancer does.
    let given = json!({"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}});
    services.patch_status("hq-public", &PatchParams::default(), &Patch::Merge(&given)).await.unwrap();
    until("status tells the address", || async {
        (bench.status().await["endpoints"]["addresses"] == json!(["203.0.113.7"])).then_some(())
    })
    .await;

    bench.put(&bench.network()).await;
    until("the ports of the nodes are back, and no address is told", || async {
        let gone = services.get_opt("hq-public").await.unwrap().is_none();
        let at_the_nodes = services.get("hq-relay-public").await.unwrap();
        let told = bench.status().await["endpoints"]["addresses"].is_null();
        (gone && told && at_the_nodes.data["spec"]["type"] == "NodePort").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_missing_right_is_a_condition_that_names_verb_and_kind_and_goes_when_it_is_granted() {
    for (namespace, verb, plural) in [
        ("forbidden-create", "create", "networkpolicies"),
        ("forbidden-list", "list", "services"),
        ("forbidden-watch", "watch", "storageclasses"),
    ] {
        let bench = Bench::new(namespace, rules_without(verb, plural)).await;
        let operator = bench.operator().await;
        bench.put(&bench.network()).await;
        // Without storage classes the plan goes on; what nobody can judge then is told all the same.
        let message = if plural == "storageclasses" {
            bench.settled().await;
            bench.reason("Degraded", "Forbidden").await
        } else {
            bench.reason("Ready", "Forbidden").await
        };
        println!("{message}");
        assert!(message.contains(verb) && message.contains(plural), "{message}");
        assert!(message.contains("Next: grant the operator the verb"), "{message}");
        // Tried again by itself within a minute; a test has no such time, a restart looks at once.
        bench.allow(rules()).await;
        drop(operator);
        let _operator = bench.operator().await;
        bench.settled().await;
    }
}

#[tokio::test]
async fn volumes_grow_where_their_class_lets_them_and_elsewhere_status_says_why_not() {
    for (namespace, class, grown) in [("growing", "elastic", "2Gi"), ("stiff", "local", "1Gi")] {
        let bench = Bench::new(namespace, rules()).await;
        let _operator = bench.operator().await;
        let mut network = bench.network();
        network["spec"]["storage"]["embedded"]["storageClassName"] = class.into();
        bench.put(&network).await;
        bench.settled().await;
        for claim in ["hq-relay-data", "hq-sso-data"] {
            bench.bind(claim).await;
        }
        network["spec"]["storage"]["embedded"]["size"] = "2Gi".into();
        bench.put(&network).await;
        let claims = bench.of(&resource_of::<PersistentVolumeClaim>());
        if grown == "2Gi" {
            until("the claim asks for more", || async {
                let claim = claims.get("hq-relay-data").await.unwrap();
                (claim.data["spec"]["resources"]["requests"]["storage"] == "2Gi").then_some(())
            })
            .await;
        } else {
            let message = bench.reason("StorageReady", "StorageCannotGrow").await;
            println!("{message}");
            for words in [
                "hq-relay-data",
                "spec.storage.embedded.size",
                "class \"local\" doesn't let volumes grow",
                "Next: ",
            ] {
                assert!(message.contains(words), "{message}");
            }
        }
        let claim = claims.get("hq-relay-data").await.unwrap();
        assert_eq!(claim.data["spec"]["resources"]["requests"]["storage"], grown);
    }
}

#[tokio::test]
async fn keys_and_volumes_outlive_a_network_and_only_one_of_the_same_domain_takes_them_up() {
    let bench = Bench::new("retained", rules()).await;
    let _operator = bench.operator().await;
    bench.put(&bench.network()).await;
    bench.settled().await;
    let root = bench.status().await["root"].clone();
    bench.delete_network().await;
    let left: Vec<String> = bench.versions().await.into_keys().collect();
    println!("left: {left:#?}");
    for kept in ["Secret hq-root", "Secret hq-device-issuer", "PersistentVolumeClaim hq-relay-data"] {
        assert!(left.iter().any(|name| name == kept), "{kept}");
    }
    assert!(!left.iter().any(|name| name.starts_with("StatefulSet")));
    bench.put(&bench.network()).await;
    bench.settled().await;
    assert_eq!(bench.status().await["root"], root);
    bench.delete_network().await;
    let mut other = bench.network();
    other["spec"]["domain"] = "other.example".into();
    bench.put(&other).await;
    let message = bench.reason("Progressing", "NameTaken").await;
    println!("{message}");
    assert!(message.contains("retained.example"), "{message}");
}

#[tokio::test]
async fn with_deletion_policy_delete_keys_and_volumes_go_first_and_then_the_network() {
    let bench = Bench::new("deleted", rules()).await;
    let _operator = bench.operator().await;
    let mut network = bench.network();
    network["spec"]["deletionPolicy"] = "Delete".into();
    bench.put(&network).await;
    bench.settled().await;
    let networks = bench.of(&resource_of::<WickrNetwork>());
    assert_eq!(networks.get("hq").await.unwrap().metadata.finalizers.unwrap(), ["wickr.dev/remove-data"]);
    networks.delete("hq", &DeleteParams::default()).await.unwrap();
    let claims = bench.of(&resource_of::<PersistentVolumeClaim>());
    until("the volume claims are going", || async {
        let all = claims.list(&ListParams::default()).await.unwrap().items;
        all.iter().all(|claim| claim.metadata.deletion_timestamp.is_some()).then_some(())
    })
    .await;
    // Without a controller manager nobody takes the protection off them.
    let waiting = bench.reason("Progressing", "Removing").await;
    println!("{waiting}");
    for claim in claims.list(&ListParams::default()).await.unwrap() {
        let none = json!({"metadata": {"finalizers": null}});
        claims
            .patch(&claim.metadata.name.unwrap(), &PatchParams::default(), &Patch::Merge(&none))
            .await
            .unwrap();
    }
    bench.network_is_gone().await;
    let left: Vec<String> = bench.versions().await.into_keys().collect();
    let durable = ["Secret hq-root", "Secret hq-sso-seal", "Secret hq-device-issuer", "StatefulSet hq-relay"];
    assert!(durable.iter().all(|gone| !left.iter().any(|name| name == gone)), "{left:#?}");
}

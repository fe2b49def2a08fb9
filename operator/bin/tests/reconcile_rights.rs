//! What is told, and where, when the API server says no to the operator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs and does not find fails it")]

mod fake;

use fake::{bench, cluster, network_object, until};
use serde_json::json;
use wickr_operator_testkit::fake_cluster::Fault;

#[tokio::test]
async fn a_missing_verb_is_told_with_verb_and_kind_and_what_to_do() {
    for (verb, plural) in [("create", "secrets"), ("create", "statefulsets"), ("list", "configmaps")] {
        let cluster = cluster();
        cluster.fault(Fault::forbidden(verb, plural));
        let bench = bench(&cluster);
        cluster.put("wickrnetworks", &network_object());
        let message = bench.reason("Ready", "Forbidden").await;
        assert!(message.contains(verb) && message.contains(plural) && message.contains("grant"), "{message}");
    }
}

#[tokio::test]
async fn a_right_to_publish_events_that_is_missing_is_told_in_status_until_it_is_granted() {
    let cluster = cluster();
    cluster.fault(Fault::forbidden("create", "events"));
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let message = bench.reason("Degraded", "Forbidden").await;
    assert!(message.contains("grant the operator the verb create on events.events.k8s.io"), "{message}");
    cluster.heal();
    let touch = |with: &str| {
        let label = json!({"test": with});
        cluster.edit("wickrnetworks", "hq", "hq", "somebody", |it| it["metadata"]["labels"] = label);
    };
    touch("once");
    until(&cluster, "the event is there", || {
        cluster.names().into_iter().find(|name| name.starts_with("Event hq/"))
    })
    .await;
    touch("again");
    bench.reason("Degraded", "AsExpected").await;
}

#[tokio::test]
async fn a_status_that_may_not_be_written_is_an_event_instead() {
    let cluster = cluster();
    cluster.fault(Fault::forbidden("patch", "wickrnetworks/status"));
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let wanted = "grant the operator the verb patch on wickrnetworks.wickr.dev/status in namespace \"hq\"";
    until(&cluster, "the event is there", || {
        let events =
            cluster.names().into_iter().filter_map(|name| name.strip_prefix("Event hq/").map(str::to_owned));
        let mut notes = events
            .filter_map(|name| cluster.get("events", "hq", &name))
            .map(|event| event["note"].to_string());
        notes.find(|note| note.replace("\\\"", "\"").contains(wanted))
    })
    .await;
    drop(bench);
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_in_its_words() {
    let cluster = cluster();
    cluster.fault(Fault {
        times: None,
        message: "exceeded quota: small".into(),
        ..Fault::next("create", "services", 1, 403)
    });
    let bench = bench(&cluster);
    cluster.put("wickrnetworks", &network_object());
    let message = until(&cluster, "it is told", || {
        let found = bench.condition("wickrnetworks", "hq", "Degraded")?;
        found.1.contains("exceeded quota").then_some(found.1)
    })
    .await;
    assert!(message.contains("create Service hq/"), "{message}");
}

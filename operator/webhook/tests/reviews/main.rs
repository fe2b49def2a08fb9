//! What the webhook answers: one request at a time (`table`), the same as the controllers say (`same`), over HTTP
//! (`served`).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod same;
mod served;
mod table;

use kube_core::DynamicObject;
use kube_core::admission::AdmissionRequest;
use serde_json::{Value, json};
use wickr_base::UnixMillis;
use wickr_operator_core::network::Neighbour;
use wickr_operator_webhook::Review;

pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A request as an API server sends it.
pub(crate) fn asked(operation: &str, object: &Value, old: Option<&Value>) -> Value {
    let kind = object["kind"].as_str().unwrap();
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0c9a8d74", "operation": operation, "userInfo": {"username": "somebody"},
            "kind": {"group": "wickr.dev", "version": "v1alpha1", "kind": kind},
            "resource": {"group": "wickr.dev", "version": "v1alpha1", "resource": format!("{}s", kind.to_lowercase())},
            "namespace": "hq", "name": object["metadata"]["name"], "object": object, "oldObject": old,
        },
    })
}

pub(crate) fn request(asked: &Value) -> AdmissionRequest<DynamicObject> {
    serde_json::from_value(asked["request"].clone()).unwrap()
}

/// Judged where there is nobody else.
pub(crate) fn alone(asked: &Value) -> Review {
    wickr_operator_webhook::review(&request(asked), &|_| Vec::new(), NOW)
}

/// An older network of that domain, in a namespace of its own.
pub(crate) fn older(domain: &str) -> Neighbour {
    Neighbour {
        namespace: "other".to_owned(),
        name: "first".to_owned(),
        uid: "uid-of-first".to_owned(),
        domain: domain.to_owned(),
        created: UnixMillis(1000),
    }
}

/// Path and reason of each cause.
pub(crate) fn causes(review: &Review) -> Vec<(String, String)> {
    let details = review.response.result.details.clone();
    let causes = details.map(|details| details.causes).unwrap_or_default();
    causes.into_iter().map(|cause| (cause.field, cause.reason)).collect()
}

pub(crate) fn network() -> Value {
    wickr_operator_testkit::objects::admitted(wickr_operator_testkit::samples::demo("network.yaml").remove(0))
}

pub(crate) fn provider() -> Value {
    let mut all = wickr_operator_testkit::samples::demo("identity-provider.yaml");
    wickr_operator_testkit::objects::admitted(all.remove(0))
}

/// A provider with three things wrong that no rule of the definition finds.
pub(crate) fn bad_provider() -> Value {
    let mut provider = provider();
    provider["spec"]["issuer"] = "https://169.254.169.254/realms/hq".into();
    provider["spec"]["cidrs"] = json!(["10.250.0.1/32", "169.254.0.0/16"]);
    provider["spec"]["refreshGrace"] = "9000h".into();
    provider
}

//! The router as an API server calls it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wickr_base::ManualClock;
use wickr_operator_webhook::{PATH, Reviewer, WebhookMetrics, routes};
use wickr_telemetry::Metrics;

use crate::{NOW, asked, bad_provider, network};

async fn post(telemetry: &Metrics, body: String) -> (StatusCode, Value) {
    let reviewer = Reviewer {
        neighbours: Box::new(|_| Vec::new()),
        clock: Arc::new(ManualClock::at(NOW)),
        metrics: WebhookMetrics::new(telemetry).unwrap(),
    };
    let request =
        Request::post(PATH).header("content-type", "application/json").body(Body::from(body)).unwrap();
    let answer = routes(Arc::new(reviewer)).oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn an_answer_carries_the_requests_uid_and_is_counted_by_kind_and_verdict() {
    let telemetry = Metrics::new("operator");
    let (status, answer) = post(&telemetry, asked("CREATE", &bad_provider(), None).to_string()).await;
    assert_eq!((status, &answer["kind"]), (StatusCode::OK, &json!("AdmissionReview")));
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(
        (&answer["response"]["uid"], &answer["response"]["allowed"]),
        (&json!("0c9a8d74"), &json!(false))
    );
    assert_eq!(answer["response"]["status"]["code"], 422);
    let said = String::from_utf8(telemetry.render().unwrap()).unwrap();
    let line = "wickr_operator_webhook_reviews_total{kind=\"IdentityProvider\",verdict=\"refused\"} 1";
    assert!(said.contains(line), "{said}");
}

#[tokio::test]
async fn a_good_object_is_allowed_and_what_is_no_review_is_an_error() {
    let (_, answer) = post(&Metrics::new("operator"), asked("CREATE", &network(), None).to_string()).await;
    assert_eq!(answer["response"]["allowed"], true);
    let (status, _) = post(&Metrics::new("operator"), "{\"kind\":\"AdmissionReview\"}".to_owned()).await;
    assert!(status.is_client_error(), "{status}");
    let empty = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).to_string();
    assert_eq!(post(&Metrics::new("operator"), empty).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_object_as_large_as_an_api_server_takes_is_judged() {
    let mut large = network();
    large["metadata"]["annotations"] = json!({"notes": "x".repeat(3 << 20)});
    let (status, answer) =
        post(&Metrics::new("operator"), asked("UPDATE", &large, Some(&large)).to_string()).await;
    assert_eq!((status, &answer["response"]["allowed"]), (StatusCode::OK, &json!(true)));
}

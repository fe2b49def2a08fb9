//! The plain port: is it alive, is it ready, its numbers. No names of people, places or files here; the
//! reasons stand in the admin port's `/status`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use wickr_telemetry::Metrics;

use crate::Gates;

pub(crate) fn routes(gates: Gates, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readiness).with_state(gates))
        .route("/metrics", get(numbers).with_state(metrics))
}

async fn readiness(State(gates): State<Gates>) -> Response {
    let report = gates.report();
    let ready = report.iter().all(|gate| gate.open);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let gates: Vec<_> = report.iter().map(|gate| json!({"name": gate.name, "open": gate.open})).collect();
    (status, Json(json!({"ready": ready, "gates": gates}))).into_response()
}

async fn numbers(State(metrics): State<Metrics>) -> Response {
    match metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics can't be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

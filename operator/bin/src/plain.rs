//! The plain port: is it alive, are its caches filled and why not, its numbers. No object's name in it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use wickr_operator_kube::Standing;
use wickr_telemetry::Metrics;

use crate::context::Context;

/// How long a request may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until `stop`.
pub async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready).with_state(context))
        .route("/metrics", get(numbers).with_state(metrics));
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

/// Alive means that the runtime still takes turns.
async fn alive() -> Response {
    match tokio::time::timeout(PATIENCE, tokio::task::yield_now()).await {
        Ok(()) => "alive\n".into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Ready means that every watch has listed and the lease is known, whoever holds it: a replica that stands by is ready.
/// One gate each, with the API server's answer when it failed.
async fn ready(State(context): State<Arc<Context>>) -> Response {
    let mut standings = context.cache.standings();
    let listed = !standings.is_empty();
    standings.push(("lease".to_owned(), context.lead.standing()));
    let ready = listed && standings.iter().all(|(_, standing)| *standing == Standing::Synced);
    let gates: Vec<_> = standings
        .into_iter()
        .map(|(name, standing)| match standing {
            Standing::Synced => json!({"name": name, "open": true}),
            Standing::Starting => {
                json!({"name": name, "open": false, "detail": "there was no answer yet"})
            }
            Standing::Failing { reason, .. } => json!({"name": name, "open": false, "detail": reason}),
        })
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
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

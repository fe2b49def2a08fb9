//! The plain port: is it alive, are its caches filled and why not, its numbers. No object's name in it.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use wickr_operator_kube::{Cache, Standing};
use wickr_telemetry::Metrics;

/// How long a request may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until `stop`.
pub async fn serve(
    listener: TcpListener,
    cache: Cache,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready).with_state(cache))
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

/// Ready means that every watch has listed; one gate each, with the API server's answer when it failed.
async fn ready(State(cache): State<Cache>) -> Response {
    let standings = cache.standings();
    let ready = !standings.is_empty() && standings.iter().all(|(_, standing)| *standing == Standing::Synced);
    let gates: Vec<_> = standings
        .into_iter()
        .map(|(name, standing)| match standing {
            Standing::Synced => json!({"name": name, "open": true}),
            Standing::Starting => {
                json!({"name": name, "open": false, "detail": "the first list is not in yet"})
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

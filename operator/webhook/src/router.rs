//! The one address that the API server posts to (what is answered: `review`).

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use kube_core::DynamicObject;
use kube_core::admission::{AdmissionRequest, AdmissionReview};
use wickr_base::Clock;

use crate::{Neighbours, Verdict, WebhookMetrics, review};

/// Where reviews are posted to.
pub const PATH: &str = "/validate";

/// An API server takes objects of up to 3 MiB, and sends the old one along.
const LARGEST_BODY: usize = 8 << 20;

/// What a review needs besides the request.
pub struct Reviewer {
    /// The networks that could be in the way of one.
    pub neighbours: Box<Neighbours>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: WebhookMetrics,
}

impl std::fmt::Debug for Reviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reviewer").finish_non_exhaustive()
    }
}

/// The webhook's routes.
pub fn routes(reviewer: Arc<Reviewer>) -> Router {
    Router::new().route(PATH, post(answer)).layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(reviewer)
}

/// Never an error for an object that is merely strange: with `failurePolicy: Ignore` that would let it through unseen.
async fn answer(
    State(reviewer): State<Arc<Reviewer>>,
    Json(asked): Json<AdmissionReview<DynamicObject>>,
) -> Response {
    let Ok(request): Result<AdmissionRequest<DynamicObject>, _> = asked.try_into() else {
        return (StatusCode::BAD_REQUEST, "the AdmissionReview has no request\n").into_response();
    };
    let judged = review(&request, &*reviewer.neighbours, reviewer.clock.now());
    reviewer.metrics.reviewed(judged.kind, judged.verdict);
    if judged.verdict == Verdict::Refused {
        let namespace = request.namespace.as_deref().unwrap_or_default();
        tracing::info!(kind = judged.kind, namespace, name = request.name, "refused at admission");
    }
    Json(judged.response.into_review()).into_response()
}

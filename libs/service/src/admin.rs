//! The admin port: who may do what, the caller, and the two verbs that every service has.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use wickr_base::SpiffeId;
use wickr_wire::ProblemCode;

use crate::shown::Shown;
use crate::{DocumentHolder, Gates, Peer, ProblemResponse, PutError, refuse};

/// One line of the table: a role may use a method on a route. NetworkPolicies are made from the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The role in the caller's SPIFFE id; its domain is always our own.
    pub role: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The route as it is declared, like `/rooms/{id}`.
    pub route: &'static str,
}

/// What every service grants.
pub const EVERY_SERVICE: &[Grant] = &[
    Grant { role: "operator", method: "GET", route: "/status" },
    Grant { role: "operator", method: "PUT", route: "/document" },
];

/// Makes a service's own part of `/status`.
pub type StatusFn = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Map<String, Value>> + Send>> + Send + Sync>;

/// A `StatusFn` from an async closure that gives a JSON object.
pub fn status_fn<F, R>(make: F) -> StatusFn
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Map<String, Value>> + Send + 'static,
{
    Arc::new(move || Box::pin(make()))
}

/// The workload that calls, proved by the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub SpiffeId);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ProblemResponse> {
        caller(parts.extensions.get::<Peer>())
    }
}

fn caller(peer: Option<&Peer>) -> Result<Caller, ProblemResponse> {
    peer.and_then(|peer| peer.workload.clone())
        .map(Caller)
        .ok_or_else(|| refuse(ProblemCode::Unauthenticated, "The caller showed no workload certificate."))
}

/// Everybody who has a line in one of the tables.
pub(crate) fn roles(grants: &[Grant]) -> BTreeSet<&'static str> {
    EVERY_SERVICE.iter().chain(grants).map(|grant| grant.role).collect()
}

struct Common {
    documents: DocumentHolder,
    gates: Gates,
    shown: Shown,
    status: StatusFn,
}

/// The two common verbs and the service's own, behind the table.
pub(crate) fn routes(
    own: Router,
    grants: &'static [Grant],
    documents: DocumentHolder,
    gates: Gates,
    shown: Shown,
    status: StatusFn,
) -> Router {
    Router::new()
        .route("/status", get(show_status))
        .route("/document", put(put_document))
        .with_state(Arc::new(Common { documents, gates, shown, status }))
        .merge(own)
        .route_layer(from_fn_with_state(grants, authorise))
}

async fn authorise(State(grants): State<&'static [Grant]>, request: Request, next: Next) -> Response {
    let Caller(caller) = match caller(request.extensions().get::<Peer>()) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let method = request.method().as_str();
    let granted = EVERY_SERVICE
        .iter()
        .chain(grants)
        .any(|grant| grant.role == caller.role && grant.method == method && grant.route == route);
    if granted {
        return next.run(request).await;
    }
    refuse(ProblemCode::Forbidden, format!("\"{caller}\" may not {method} {route}.")).into_response()
}

async fn show_status(State(common): State<Arc<Common>>) -> Json<Value> {
    let mut status = (common.status)().await;
    let held = common.documents.current();
    let number = held.as_ref().map(|held| held.document.number);
    status.insert("document".to_owned(), json!(number));
    status.insert("certificates".to_owned(), common.shown.report());
    status.insert("gates".to_owned(), json!(common.gates.report()));
    Json(Value::Object(status))
}

async fn put_document(
    State(common): State<Arc<Common>>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<Value>, ProblemResponse> {
    let body = body.map_err(|error| refuse(ProblemCode::TooLarge, error.body_text()))?;
    match common.documents.put(body).await {
        Ok(held) => Ok(Json(json!({"document": held.document.number}))),
        Err(error @ PutError::Save { .. }) => {
            tracing::error!(error = crate::reload::causes(&error), "the network document was not kept");
            Err(refuse(ProblemCode::Internal, crate::reload::causes(&error)))
        }
        Err(error) => Err(refuse(ProblemCode::DocumentRefused, crate::reload::causes(&error))),
    }
}

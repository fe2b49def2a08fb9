//! The public endpoints, one file each.

mod begin;
mod callback;
mod certificate;
mod devices;
mod directory_handle;
mod directory_user;
mod page;
mod poll;
mod proven;
mod revoke_device;
mod session;
mod sign_in_code;
mod sign_in_device;
mod sign_out;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use wickr_wire::ProblemCode;

use crate::state::Sso;

pub(crate) use callback::PATH as CALLBACK;
#[cfg(test)]
pub(crate) use sign_in_code::hash;

/// Bytes of a body: a key, a proof and names.
const MOST_BODY: usize = 16 * 1024;

/// All of them.
pub(crate) fn routes(sso: Arc<Sso>) -> Router {
    Router::new()
        .route(sign_in_device::PATH, post(sign_in_device::begin))
        .route(sign_in_code::PATH, post(sign_in_code::begin))
        .route(callback::PATH, get(callback::come_back))
        .route(poll::PATH, post(poll::poll))
        .route(session::PATH, post(session::renew))
        .route(certificate::PATH, post(certificate::renew))
        .route("/v1/sign-out", post(sign_out::sign_out))
        .route("/v1/devices", get(devices::list))
        .route("/v1/devices/{id}", delete(revoke_device::revoke))
        .route("/v1/directory/handles/{handle}", get(directory_handle::lookup))
        .route("/v1/directory/users/{id}", get(directory_user::lookup))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(from_fn_with_state(Arc::clone(&sso), count_refusals))
        .with_state(sso)
}

async fn count_refusals(State(sso): State<Arc<Sso>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(code) = response.extensions().get::<ProblemCode>() {
        sso.metrics.refusal(code.as_str());
    }
    response
}

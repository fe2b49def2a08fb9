//! The admin endpoints, one file each, and who may use them.

mod changes;
mod rehearse;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use wickr_service::Grant;

use crate::state::Sso;

pub(crate) use status::status;

/// Who may do what beside what every service grants; the NetworkPolicies follow the same table.
pub const GRANTS: &[Grant] = &[
    Grant { role: "operator", method: "POST", route: "/rehearse" },
    Grant { role: "relay", method: "GET", route: "/changes" },
];

/// All of them.
pub(crate) fn routes(sso: Arc<Sso>) -> Router {
    Router::new()
        .route("/rehearse", post(rehearse::rehearse))
        .route("/changes", get(changes::follow))
        .with_state(sso)
}

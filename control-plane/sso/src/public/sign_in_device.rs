//! `POST /v1/sign-in/device`: begins a sign-in with a code that the person types anywhere (RFC 8628).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use wickr_base::UnixMillis;
use wickr_model::{MAX_FLOW_LIFETIME, Way};
use wickr_service::{JsonBody, Peer};

use super::begin::{BeginBody, BeginError};
use crate::metrics::Operation;
use crate::provider::begin_device_grant;
use crate::refused::Refused;
use crate::seal::Place;
use crate::state::Sso;

pub(super) const PATH: &str = "/v1/sign-in/device";

/// Longest interval that is believed; RFC 8628 names no limit.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);

/// Where the person goes and what to type there.
#[derive(Debug, Serialize)]
pub(super) struct DeviceAnswer {
    flow: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval_s: u64,
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

pub(super) async fn begin(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<BeginBody>,
) -> Result<Json<DeviceAnswer>, Refused> {
    Ok(Json(sso.begin_device_flow(&body, &peer).await?))
}

impl Sso {
    async fn begin_device_flow(&self, body: &BeginBody, peer: &Peer) -> Result<DeviceAnswer, BeginError> {
        let beginning = self.beginning(body, PATH, peer).await?;
        let (id, ready) = (beginning.id, &beginning.ready);
        let asking = ready.provider.asking(&ready.known);
        let begun = self.ask(ready, Operation::BeginDeviceGrant, begin_device_grant(&asking)).await?;
        let device_code = self.sealer.seal(begun.device_code.expose(), Place::DeviceCode(id), &*self.rng)?;
        let now = self.clock.now();
        let interval = begun.interval.min(LONGEST_INTERVAL);
        let expires_at = now.plus(begun.expires_in.min(MAX_FLOW_LIFETIME));
        let way = Way::Device { device_code, interval, ask_at: now.plus(interval) };
        self.keep(beginning, way, expires_at).await?;
        Ok(DeviceAnswer {
            flow: id.to_string(),
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            verification_uri_complete: begun.verification_uri_complete,
            interval_s: interval.as_secs(),
            expires_at,
        })
    }
}

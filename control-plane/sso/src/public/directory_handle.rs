//! `GET /v1/directory/handles/{handle}`: the person with exactly that handle. There is no search.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use wickr_base::{Handle, HandleError};
use wickr_model::Device;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::limits::Limited;
use crate::refused::{Refusal, Refused};
use crate::signed::Signed;
use crate::state::Sso;

#[derive(Debug, Serialize)]
pub(super) struct HandleAnswer {
    user: String,
    handle: String,
    /// Devices in use.
    devices: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum HandleLookupError {
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error("nobody in this network has the handle \"{0}\"")]
    Unknown(Handle),
    #[error("looking up a handle")]
    Store(#[from] DirectoryError),
}

impl Refusal for HandleLookupError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Limited(error) => error.code(),
            Self::Handle(_) => ProblemCode::Malformed,
            Self::Unknown(_) => ProblemCode::NotFound,
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn lookup(
    State(sso): State<Arc<Sso>>,
    Signed(asking): Signed,
    Path(handle): Path<String>,
) -> Result<Json<HandleAnswer>, Refused> {
    Ok(Json(sso.lookup_handle(&asking, &handle).await?))
}

impl Sso {
    async fn lookup_handle(&self, asking: &Device, handle: &str) -> Result<HandleAnswer, HandleLookupError> {
        self.limits.lookups.take(asking.user, self.clock.elapsed())?;
        let handle: Handle = handle.parse()?;
        let mut work = self.directory.read().await?;
        let Some(user) = work.users().lookup_handle(&handle).await? else {
            return Err(HandleLookupError::Unknown(handle));
        };
        let devices = work.devices().list(user.id).await?;
        let in_use = devices.iter().filter(|device| device.revoked_at.is_none());
        Ok(HandleAnswer {
            user: user.id.to_string(),
            handle: user.handle.to_string(),
            devices: in_use.map(|device| device.id.to_string()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::World;

    #[tokio::test]
    async fn a_person_is_found_by_the_exact_handle_with_the_devices_in_use() {
        let world = World::new().await;
        let alice = world.phone_of("alice").await;
        let (bob, lost) = (world.phone_of("bob").await, world.phone_of("bob").await);
        world.signed(&bob, "DELETE", &format!("/v1/devices/{}", lost.device)).await;
        for handle in ["bob@hq.example", "BOB%40HQ.example"] {
            let found = world.signed(&alice, "GET", &format!("/v1/directory/handles/{handle}")).await;
            let expected = json!({"user": bob.user, "handle": "bob@hq.example", "devices": [bob.device]});
            assert_eq!(found.json, expected);
        }
        for handle in ["bo@hq.example", "bob@field.example", "bob*@hq.example"] {
            let missed = world.signed(&alice, "GET", &format!("/v1/directory/handles/{handle}")).await;
            assert_eq!(missed.code(), "not-found", "{handle}");
        }
        let malformed = world.signed(&alice, "GET", "/v1/directory/handles/bob").await;
        assert_eq!(malformed.code(), "malformed");
        let user = world.signed(&alice, "GET", &format!("/v1/directory/users/{}", bob.user)).await;
        assert_eq!(user.json, json!({"user": bob.user, "handle": "bob@hq.example"}));
    }

    #[tokio::test]
    async fn trying_names_ends_at_a_limit_for_the_person_and_not_the_device() {
        let world = World::new().await;
        let (phone, tablet) = (world.phone_of("mallory").await, world.phone_of("mallory").await);
        let bob = world.phone_of("bob").await;
        let mut last = StatusCode::NOT_FOUND;
        for at in 0..130 {
            let asking = if at % 2 == 0 { &phone } else { &tablet };
            last = world
                .signed(asking, "GET", &format!("/v1/directory/handles/name{at}@hq.example"))
                .await
                .status;
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            world.signed(&bob, "GET", "/v1/directory/handles/bob@hq.example").await.status,
            StatusCode::OK
        );
    }
}

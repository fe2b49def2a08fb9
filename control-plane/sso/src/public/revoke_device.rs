//! `DELETE /v1/devices/{id}`: revokes a device of the person who asks, for ever.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use wickr_base::DeviceId;
use wickr_model::Device;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::refused::{Refusal, Refused};
use crate::signed::Signed;
use crate::state::Sso;

#[derive(Debug, thiserror::Error)]
pub(super) enum RevokeError {
    #[error("you have no such device")]
    Unknown,
    #[error("revoking a device")]
    Store(#[from] DirectoryError),
}

impl Refusal for RevokeError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Unknown => ProblemCode::NotFound,
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn revoke(
    State(sso): State<Arc<Sso>>,
    Signed(asking): Signed,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    sso.revoke_own(&asking, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Sso {
    async fn revoke_own(&self, asking: &Device, id: &str) -> Result<(), RevokeError> {
        let id: DeviceId = id.parse().map_err(|_| RevokeError::Unknown)?;
        let device = self.directory.read().await?.devices().lookup(id).await?;
        let device = device.filter(|device| device.user == asking.user).ok_or(RevokeError::Unknown)?;
        self.revoke(device).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use wickr_model::Ended;

    use crate::testing::{Phone, World};

    #[tokio::test]
    async fn a_revoked_device_is_out_at_once_and_for_ever_and_waiting_relays_wake() {
        let world = World::new().await;
        let (phone, lost) = (world.phone_of("alice").await, world.phone_of("alice").await);
        let path = format!("/v1/devices/{}", lost.device);
        let (heard, answer) = tokio::join!(
            world.admin("GET", "/changes?after=0&wait=25", None),
            world.signed(&phone, "DELETE", &path)
        );
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let change = &heard.json["changes"][0];
        assert_eq!(change["kind"], "DeviceRevoked");
        assert_eq!(
            (&change["user"], &change["device"]),
            (&lost.user.clone().into(), &lost.device.clone().into())
        );
        assert_eq!(world.signed(&lost, "GET", "/v1/devices").await.code(), "device-revoked");
        assert_eq!(world.renew(&lost, "/v1/session").await.code(), "device-revoked");
        assert_eq!(world.renew(&lost, "/v1/certificate").await.code(), "device-revoked");
        assert_eq!(
            world.try_sign_in(&lost, "alice").await.code(),
            "device-revoked",
            "its key never comes back"
        );
        assert_eq!(
            world.signed(&phone, "DELETE", &path).await.status,
            StatusCode::NO_CONTENT,
            "again: no matter"
        );
        assert_eq!(world.admin("GET", "/changes?after=0", None).await.json["head"], 1, "told once");
    }

    #[tokio::test]
    async fn a_provider_that_vouches_too_late_does_not_bring_a_revoked_device_back() {
        let world = World::new().await;
        let (phone, lost) = (world.phone_of("alice").await, world.phone_of("alice").await);
        world.pass(Duration::from_mins(15));
        let phone =
            Phone { token: world.renew(&phone, "/v1/session").await.text_of("session_token"), ..phone };
        world.idp.behave(|idp| idp.holds_refresh = true);
        let path = format!("/v1/devices/{}", lost.device);
        let (renewed, ()) = tokio::join!(world.renew(&lost, "/v1/session"), async {
            world.idp.holding().await;
            assert_eq!(world.signed(&phone, "DELETE", &path).await.status, StatusCode::NO_CONTENT);
            world.idp.release();
        });
        assert_eq!(renewed.code(), "device-revoked");
        let mut work = world.sso.directory.read().await.unwrap();
        let session = work.sessions().lookup(lost.device.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((session.ended, session.refresh), (Some(Ended::Revoked), None), "nothing is kept");
    }

    #[tokio::test]
    async fn nobody_revokes_another_persons_device() {
        let world = World::new().await;
        let (alice, mallory) = (world.phone_of("alice").await, world.phone_of("mallory").await);
        for id in [alice.device.as_str(), "0b0e8f4e-5f0a-4c8e-9c57-111111111111", "x"] {
            let answer = world.signed(&mallory, "DELETE", &format!("/v1/devices/{id}")).await;
            assert_eq!(answer.code(), "not-found", "{id}");
        }
        assert_eq!(world.signed(&alice, "GET", "/v1/devices").await.status, StatusCode::OK);
    }
}

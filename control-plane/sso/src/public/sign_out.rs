//! `POST /v1/sign-out`: ends the session of the device that asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::refused::Refused;
use crate::signed::Signed;
use crate::state::Sso;

pub(super) async fn sign_out(
    State(sso): State<Arc<Sso>>,
    Signed(device): Signed,
) -> Result<StatusCode, Refused> {
    sso.sign_out(&device).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::World;

    #[tokio::test]
    async fn signing_out_ends_the_session_here_and_at_the_provider_and_leaves_the_device() {
        let world = World::new().await;
        let mut phone = world.phone_of("alice").await;
        let device = phone.device.clone();
        assert_eq!(world.signed(&phone, "POST", "/v1/sign-out").await.status, StatusCode::NO_CONTENT);
        assert_eq!(world.idp.given_back().len(), 1);
        assert_eq!(world.signed(&phone, "GET", "/v1/devices").await.code(), "session-expired");
        assert_eq!(world.renew(&phone, "/v1/session").await.code(), "session-expired");
        let changes = world.admin("GET", "/changes?after=0", None).await;
        assert_eq!(changes.json["changes"][0]["kind"], "SessionEnded");
        world.sign_in(&mut phone, "alice").await;
        assert_eq!(phone.device, device);
    }

    #[tokio::test]
    async fn a_provider_that_is_down_does_not_stop_a_sign_out() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.idp.behave(|idp| idp.down = true);
        assert_eq!(world.signed(&phone, "POST", "/v1/sign-out").await.status, StatusCode::NO_CONTENT);
        assert_eq!(world.renew(&phone, "/v1/session").await.code(), "session-expired");
    }
}

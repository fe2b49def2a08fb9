//! `POST /v1/session`: a new session token, as long as the provider honours the session or the grace lives.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use wickr_base::UnixMillis;
use wickr_service::{JsonBody, Peer};
use wickr_wire::ProblemCode;

use super::proven::{ProvenBody, ProvenError};
use crate::alive::AliveError;
use crate::refused::{Refusal, Refused};
use crate::session_tokens::IssueTokenError;
use crate::state::Sso;

pub(super) const PATH: &str = "/v1/session";

#[derive(Debug, Serialize)]
pub(super) struct SessionAnswer {
    session_token: String,
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Proven(#[from] ProvenError),
    #[error("the device's certificate expired at {0}; renew it first (POST /v1/certificate)")]
    CertificateExpired(UnixMillis),
    #[error(transparent)]
    Alive(#[from] AliveError),
    #[error(transparent)]
    Token(#[from] IssueTokenError),
}

impl Refusal for SessionError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Proven(error) => error.code(),
            Self::CertificateExpired(_) => ProblemCode::Forbidden,
            Self::Alive(error) => error.code(),
            Self::Token(error) => error.code(),
        }
    }
}

pub(super) async fn renew(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<ProvenBody>,
) -> Result<Json<SessionAnswer>, Refused> {
    Ok(Json(sso.renew_session(&body, &peer).await?))
}

impl Sso {
    async fn renew_session(&self, body: &ProvenBody, peer: &Peer) -> Result<SessionAnswer, SessionError> {
        let device = self.proven(body, PATH, peer).await?;
        if device.life.expired(self.clock.now()) {
            return Err(SessionError::CertificateExpired(device.life.not_after));
        }
        let session = self.alive(&device).await?;
        let issued = self.tokens.issue(&device, session.id, &*self.rng, self.clock.now())?;
        self.metrics.session_tokens.inc();
        Ok(SessionAnswer { session_token: issued.token, expires_at: issued.expires_at })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use super::PATH;
    use crate::testing::{Phone, Refreshing, World};

    const QUARTER: Duration = Duration::from_mins(15);

    #[tokio::test]
    async fn a_session_is_renewed_and_the_provider_asked_at_most_every_15_minutes() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let asked = world.idp.asked("token");
        world.pass(Duration::from_mins(14));
        for _ in 0..3 {
            assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
        }
        assert_eq!(world.idp.asked("token"), asked, "its yes is good for 15 minutes");
        // Each time with the refresh token that replaced the one before.
        for round in 1..=3 {
            world.pass(QUARTER);
            assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK, "round {round}");
            assert_eq!(world.idp.asked("token"), asked + round);
        }
    }

    #[tokio::test]
    async fn two_renewals_at_a_time_use_one_refresh_token_once() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.pass(QUARTER);
        let asked = world.idp.asked("token");
        let (one, two) = tokio::join!(world.renew(&phone, PATH), world.renew(&phone, PATH));
        assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
        assert_eq!(world.idp.asked("token"), asked + 1);
    }

    #[tokio::test]
    async fn when_the_provider_says_no_the_session_ends_and_relays_hear_of_it_at_once() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.idp.behave(|idp| idp.refreshing = Refreshing::Refuse("invalid_grant"));
        world.pass(QUARTER);
        let (heard, refused) =
            tokio::join!(world.admin("GET", "/changes?after=0&wait=25", None), world.renew(&phone, PATH));
        assert_eq!(refused.code(), "session-expired");
        let change = &heard.json["changes"][0];
        assert_eq!(
            (&change["kind"], &change["device"]),
            (&"SessionEnded".into(), &phone.device.clone().into())
        );
        assert_eq!(change["session"].as_str().unwrap().len(), 32);
        world.idp.behave(|idp| idp.refreshing = Refreshing::Honour);
        assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired", "it stays over");
        assert_eq!(world.signed(&phone, "GET", "/v1/devices").await.code(), "session-expired");
        let mut phone = phone;
        world.sign_in(&mut phone, "alice").await;
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK, "until it signs in again");
    }

    #[tokio::test]
    async fn a_refresh_that_vouches_for_somebody_else_ends_the_session() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.idp.behave(|idp| idp.refreshing = Refreshing::OtherSubject);
        world.pass(QUARTER);
        assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired");
    }

    #[tokio::test]
    async fn a_refusal_of_the_person_ends_the_session_whatever_its_name() {
        for code in ["access_denied", "interaction_required", "login_required", "consent_required"] {
            let world = World::new().await;
            let phone = world.phone_of("alice").await;
            world.idp.behave(|idp| idp.refreshing = Refreshing::Refuse(code));
            world.pass(QUARTER);
            assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired", "{code}");
        }
    }

    #[tokio::test]
    async fn a_full_volume_costs_nobody_the_session() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.pass(QUARTER);
        let asked = world.idp.asked("token");
        world.fill(true);
        assert_eq!(world.renew(&phone, PATH).await.code(), "storage-full");
        assert_eq!(world.idp.asked("token"), asked, "its answer could not have been kept");
        world.fill(false);
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_grace_bridges_a_provider_that_is_down_or_broken_and_no_longer() {
        for broken in [true, false] {
            let world = World::new().await;
            let phone = world.phone_of("alice").await;
            world.idp.behave(|idp| {
                (idp.down, idp.refreshing) = (!broken, Refreshing::ServerError);
            });
            for _ in 0..4 {
                world.pass(QUARTER);
                assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
            }
            world.pass(Duration::from_mins(1));
            assert_eq!(world.renew(&phone, PATH).await.code(), "provider-unreachable");
            world.idp.behave(|idp| (idp.down, idp.refreshing) = (false, Refreshing::Honour));
            world.sso.round().await;
            world.pass(Duration::from_mins(1));
            assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK, "back again, nothing is lost");
        }
    }

    #[tokio::test]
    async fn a_provider_known_to_be_down_is_not_asked_by_each_device() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.idp.behave(|idp| idp.down = true);
        world.sso.round().await;
        world.idp.behave(|idp| idp.down = false);
        let asked = world.idp.asked("token");
        world.pass(QUARTER);
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
        assert_eq!(world.idp.asked("token"), asked);
    }

    #[tokio::test]
    async fn without_a_refresh_token_a_session_ends_after_15_minutes() {
        let world = World::new().await;
        world.idp.behave(|idp| idp.no_refresh_token = true);
        let phone = world.phone_of("alice").await;
        world.pass(QUARTER);
        let refused = world.renew(&phone, PATH).await;
        assert_eq!(refused.code(), "session-expired");
        assert!(refused.text_of("detail").contains("offline_access"));
    }

    #[tokio::test]
    async fn nobody_renews_with_another_key_or_for_a_device_that_is_not_there() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let thief = Phone { device: phone.device.clone(), ..Phone::new() };
        assert_eq!(world.renew(&thief, PATH).await.code(), "unauthenticated");
        let nobody = Phone { device: "0b0e8f4e-5f0a-4c8e-9c57-111111111111".to_owned(), ..Phone::new() };
        assert_eq!(world.renew(&nobody, PATH).await.code(), "unauthenticated");
        let malformed = Phone { device: "x".to_owned(), ..Phone::new() };
        assert_eq!(world.renew(&malformed, PATH).await.code(), "unauthenticated");
    }

    #[tokio::test]
    async fn sessions_survive_a_restart() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let world = world.restarted().await;
        world.sso.round().await;
        world.pass(QUARTER);
        assert_eq!(world.renew(&phone, PATH).await.status, StatusCode::OK);
    }
}

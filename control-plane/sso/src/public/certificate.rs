//! `POST /v1/certificate`: a new certificate for the same key, from 30 days before the end of the old one; before
//! that, and when asked again, the one that there is. Also after its end: renewal is what brings a device back.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use wickr_base::UnixMillis;
use wickr_model::Device;
use wickr_service::{JsonBody, Peer};
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use super::proven::{ProvenBody, ProvenError};
use crate::alive::AliveError;
use crate::certificates::IssueError;
use crate::refused::{Refusal, Refused};
use crate::state::Sso;

pub(super) const PATH: &str = "/v1/certificate";

#[derive(Debug, Serialize)]
pub(super) struct CertificateAnswer {
    /// DER, base64.
    certificate: String,
    /// When that certificate ends.
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
    renewed: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error(transparent)]
    Proven(#[from] ProvenError),
    #[error("this device has been revoked")]
    Revoked,
    #[error(transparent)]
    Alive(#[from] AliveError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("keeping a renewed certificate")]
    Store(#[from] DirectoryError),
}

impl Refusal for CertificateError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Proven(error) => error.code(),
            Self::Revoked => ProblemCode::DeviceRevoked,
            Self::Alive(error) => error.code(),
            Self::Issue(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn renew(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<ProvenBody>,
) -> Result<Json<CertificateAnswer>, Refused> {
    let device = sso.proven(&body, PATH, &peer).await.map_err(CertificateError::from)?;
    sso.alive(&device).await.map_err(CertificateError::from)?;
    Ok(Json(sso.renew_certificate(device).await?))
}

impl Sso {
    async fn renew_certificate(&self, device: Device) -> Result<CertificateAnswer, CertificateError> {
        let now = self.clock.now();
        if !self.renewable(&device, now) {
            return Ok(answer(&device, false));
        }
        let mut work = self.directory.begin().await?;
        let device = work.devices().lookup(device.id).await?.unwrap_or(device);
        if device.revoked_at.is_some() {
            return Err(CertificateError::Revoked);
        }
        if !self.renewable(&device, now) {
            return Ok(answer(&device, false));
        }
        let whose = (device.user, device.id);
        let (certificate, life) = self.devices.issue(whose, &device.key.spki, &*self.rng, now)?;
        let device = device.renewed(certificate, life);
        work.devices().save(&device).await?;
        work.commit().await?;
        self.metrics.certificate(true);
        Ok(answer(&device, true))
    }

    /// From its day on; at any time, once another issuer signs than the one that has signed it.
    fn renewable(&self, device: &Device, now: UnixMillis) -> bool {
        device.life.due(now) || self.devices.is_of_another(&device.certificate)
    }
}

fn answer(device: &Device, renewed: bool) -> CertificateAnswer {
    CertificateAnswer {
        certificate: STANDARD.encode(&device.certificate),
        expires_at: device.life.not_after,
        renewed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use wickr_base::Clock as _;
    use wickr_pki::session::check_session_token;
    use wickr_pki::{check_device, parse_leaf};

    use super::PATH;
    use crate::testing::World;

    const DAY: Duration = Duration::from_hours(24);

    #[tokio::test]
    async fn a_certificate_is_renewed_from_day_60_on_for_the_same_device_and_key() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.pass(59 * DAY);
        world.sso.round().await;
        let same = world.renew(&phone, PATH).await;
        assert_eq!((same.status, &same.json["renewed"]), (StatusCode::OK, &false.into()), "{same:?}");
        assert_eq!(STANDARD.decode(same.text_of("certificate")).unwrap(), phone.certificate);
        world.pass(DAY);
        world.sso.round().await;
        let renewed = world.renew(&phone, PATH).await;
        assert_eq!(renewed.json["renewed"], true);
        let der = STANDARD.decode(renewed.text_of("certificate")).unwrap();
        let (anchors, now) = (world.sso.anchors(), world.clock.now());
        let certificate = check_device(&der, &anchors, &world.sso.domain, now).unwrap();
        assert_eq!(&certificate.public_key, phone.key.public());
        assert_eq!(certificate.uri.to_string(), parse_leaf(&phone.certificate).unwrap().uri);
        let again = world.renew(&phone, PATH).await;
        assert_eq!(again.json["renewed"], false, "a lost answer is asked for again");
        assert_eq!(again.text_of("certificate"), renewed.text_of("certificate"));
    }

    #[tokio::test]
    async fn an_expired_device_gets_no_token_until_it_has_renewed() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.pass(91 * DAY);
        world.sso.round().await;
        let refused = world.renew(&phone, "/v1/session").await;
        assert_eq!(refused.code(), "forbidden");
        assert!(refused.text_of("detail").contains("renew"));
        assert_eq!(world.renew(&phone, PATH).await.json["renewed"], true);
        assert_eq!(world.renew(&phone, "/v1/session").await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn once_another_issuer_signs_a_device_gets_its_certificate_and_tokens_from_that_one() {
        let world = World::new().await;
        let mut phone = world.phone_of("alice").await;
        let next = [world.follow_issuer()];
        let (domain, now) = (&world.sso.domain, world.clock.now());
        assert_eq!(
            world.signed(&phone, "GET", "/v1/devices").await.status,
            StatusCode::OK,
            "its token holds"
        );
        let renewed = world.renew(&phone, PATH).await;
        assert_eq!(renewed.json["renewed"], true);
        let der = STANDARD.decode(renewed.text_of("certificate")).unwrap();
        check_device(&der, &next, domain, now).unwrap();
        assert_eq!(world.renew(&phone, PATH).await.json["renewed"], false, "once");
        phone.token = world.renew(&phone, "/v1/session").await.text_of("session_token");
        check_session_token(&phone.token, &next, domain, now).unwrap();
        assert_eq!(world.signed(&phone, "GET", "/v1/devices").await.status, StatusCode::OK);
        world.sso.round().await;
        let status = crate::admin::status(std::sync::Arc::clone(&world.sso)).await;
        assert_eq!(status["device_issuer"], wickr_pki::root_pin(&next[0]).unwrap().to_string());
        assert_eq!(status["certificate"]["ok"], true);
    }

    #[tokio::test]
    async fn a_session_that_is_over_renews_nothing() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        world.signed(&phone, "POST", "/v1/sign-out").await;
        world.pass(61 * DAY);
        assert_eq!(world.renew(&phone, PATH).await.code(), "session-expired");
    }
}

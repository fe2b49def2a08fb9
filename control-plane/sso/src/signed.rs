//! Requests with a session token and a proof bound to it (RFC 9449 section 7). Those with a proof alone: `proof`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use wickr_model::Device;
use wickr_pki::session::{SessionError, check_session_token};
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::limits::Limited;
use crate::proof::ProofError;
use crate::refused::{Refusal, Refused};
use crate::state::Sso;

/// The device that a request comes from; its token, proof, session and limits hold.
#[derive(Clone, Debug)]
pub(crate) struct Signed(pub(crate) Device);

/// Why a request isn't taken for a device's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignedError {
    #[error("the request needs the headers \"Authorization: DPoP <session token>\" and \"DPoP: <proof>\"")]
    Headers,
    #[error(transparent)]
    Token(#[from] SessionError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the session token's device is not known here; sign in again")]
    Unknown,
    #[error("this device has been revoked")]
    Revoked,
    #[error("the session is over; sign in again")]
    Over,
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("looking up the device of a session token")]
    Store(#[from] DirectoryError),
}

impl Refusal for SignedError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Token(SessionError::Expired { .. }) | Self::Over => ProblemCode::SessionExpired,
            Self::Headers | Self::Token(_) | Self::Unknown => ProblemCode::Unauthenticated,
            Self::Proof(error) => error.code(),
            Self::Revoked => ProblemCode::DeviceRevoked,
            Self::Limited(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl FromRequestParts<Arc<Sso>> for Signed {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, sso: &Arc<Sso>) -> Result<Self, Refused> {
        Ok(sso.signed(parts).await?)
    }
}

impl Sso {
    async fn signed(&self, parts: &Parts) -> Result<Signed, SignedError> {
        let header = |name: &str| {
            let mut values = parts.headers.get_all(name).iter();
            match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
                (Some(one), None) => Ok(one),
                _ => Err(SignedError::Headers),
            }
        };
        let (scheme, token) = header(AUTHORIZATION.as_str())?.split_once(' ').ok_or(SignedError::Headers)?;
        if !scheme.eq_ignore_ascii_case("DPoP") {
            return Err(SignedError::Headers);
        }
        let now = self.clock.now();
        let claims = check_session_token(token, &self.anchors(), &self.domain, now)?;
        let request = (parts.method.as_str(), parts.uri.path());
        let proof = self.proofs.check(header("DPoP")?, request, Some(token), &*self.clock)?;
        // The limit comes first: one person's flood must not fill the list of proofs that all share.
        self.limits.signed.take(claims.sub, self.clock.elapsed())?;
        self.proofs.take(&proof, &claims.cnf.jkt, &*self.clock)?;
        let mut work = self.directory.read().await?;
        let device = work.devices().lookup(claims.dev).await?.ok_or(SignedError::Unknown)?;
        if device.user != claims.sub || device.key.thumbprint != claims.cnf.jkt {
            return Err(SignedError::Unknown);
        }
        if device.revoked_at.is_some() {
            return Err(SignedError::Revoked);
        }
        let session = work.sessions().lookup(device.id).await?;
        if session.is_none_or(|session| session.ended.is_some() || session.id.to_string() != claims.sid) {
            return Err(SignedError::Over);
        }
        Ok(Signed(device))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use crate::testing::{Phone, World};

    const PATH: &str = "/v1/devices";

    #[tokio::test]
    async fn a_token_counts_only_with_a_proof_of_its_own_key_for_this_request() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        assert_eq!(world.signed(&phone, "GET", PATH).await.status, StatusCode::OK);
        let bearer = format!("DPoP {}", phone.token);
        let thief = Phone::new();
        let proofs = [
            ("another key", world.proof(&thief, "GET", PATH, Some(&phone.token))),
            ("another method", world.proof(&phone, "POST", PATH, Some(&phone.token))),
            ("another path", world.proof(&phone, "GET", "/v1/sign-out", Some(&phone.token))),
            ("another token", world.proof(&phone, "GET", PATH, Some("other"))),
            ("no token", world.proof(&phone, "GET", PATH, None)),
            ("no proof", String::new()),
        ];
        for (what, proof) in proofs {
            let answer = world.with_headers("GET", PATH, &bearer, &proof).await;
            assert_eq!(answer.code(), "unauthenticated", "{what}");
        }
        let proof = world.proof(&phone, "GET", PATH, Some(&phone.token));
        assert_eq!(world.with_headers("GET", PATH, &bearer, &proof).await.status, StatusCode::OK);
        let replayed = world.with_headers("GET", PATH, &bearer, &proof).await;
        assert_eq!(replayed.code(), "unauthenticated", "used before");
        assert!(replayed.headers["www-authenticate"].to_str().unwrap().starts_with("DPoP"));
    }

    #[tokio::test]
    async fn a_token_alone_or_as_a_bearer_token_is_worth_nothing() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        assert_eq!(world.get(PATH).await.code(), "unauthenticated");
        let proof = world.proof(&phone, "GET", PATH, Some(&phone.token));
        let bearer = format!("Bearer {}", phone.token);
        assert_eq!(world.with_headers("GET", PATH, &bearer, &proof).await.code(), "unauthenticated");
    }

    #[tokio::test]
    async fn an_expired_token_says_so_and_a_foreign_one_is_not_believed() {
        let (world, other) = (World::new().await, World::new().await);
        let (phone, foreign) = (world.phone_of("alice").await, other.phone_of("alice").await);
        world.pass(Duration::from_mins(15));
        assert_eq!(world.signed(&phone, "GET", PATH).await.code(), "session-expired");
        assert_eq!(world.signed(&foreign, "GET", PATH).await.code(), "unauthenticated");
    }

    #[tokio::test]
    async fn who_asks_too_often_takes_no_room_in_the_list_that_all_share() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let mut refused = 0;
        while refused < 50 {
            let answer = world.signed(&phone, "GET", PATH).await;
            refused += usize::from(answer.code() == "too-many");
        }
        assert!(world.sso.proofs.known() < 150, "{} proofs are remembered", world.sso.proofs.known());
    }

    #[tokio::test]
    async fn a_session_that_was_replaced_is_over() {
        let world = World::new().await;
        let mut phone = world.phone_of("alice").await;
        let old = phone.token.clone();
        world.sign_in(&mut phone, "alice").await;
        assert_eq!(world.signed(&phone, "GET", PATH).await.status, StatusCode::OK);
        phone.token = old;
        assert_eq!(world.signed(&phone, "GET", PATH).await.code(), "session-expired");
    }
}

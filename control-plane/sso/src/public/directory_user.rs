//! `GET /v1/directory/users/{id}`: the handle of a person whose id is known, from a room's roster for example.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use wickr_base::UserId;
use wickr_model::Device;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::limits::Limited;
use crate::refused::{Refusal, Refused};
use crate::signed::Signed;
use crate::state::Sso;

#[derive(Debug, Serialize)]
pub(super) struct UserAnswer {
    user: String,
    handle: String,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum UserLookupError {
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("nobody in this network has that id")]
    Unknown,
    #[error("looking up a user")]
    Store(#[from] DirectoryError),
}

impl Refusal for UserLookupError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Limited(error) => error.code(),
            Self::Unknown => ProblemCode::NotFound,
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn lookup(
    State(sso): State<Arc<Sso>>,
    Signed(asking): Signed,
    Path(id): Path<String>,
) -> Result<Json<UserAnswer>, Refused> {
    Ok(Json(sso.lookup_user(&asking, &id).await?))
}

impl Sso {
    async fn lookup_user(&self, asking: &Device, id: &str) -> Result<UserAnswer, UserLookupError> {
        self.limits.lookups.take(asking.user, self.clock.elapsed())?;
        let id: UserId = id.parse().map_err(|_| UserLookupError::Unknown)?;
        let user = self.directory.read().await?.users().lookup(id).await?.ok_or(UserLookupError::Unknown)?;
        Ok(UserAnswer { user: user.id.to_string(), handle: user.handle.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn an_unknown_or_malformed_id_is_nobodys() {
        let world = World::new().await;
        let alice = world.phone_of("alice").await;
        for id in ["0b0e8f4e-5f0a-4c8e-9c57-111111111111", "x", "alice@hq.example"] {
            let answer = world.signed(&alice, "GET", &format!("/v1/directory/users/{id}")).await;
            assert_eq!(answer.code(), "not-found", "{id}");
        }
    }
}
